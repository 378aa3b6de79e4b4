package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/memory"
)

const (
	// There have to be so many bytes of memory for each connection, and for each request
	// over HTTP/2.
	perConnection = 256 << 10
	perRequest    = 64 << 10

	// Headers that are arriving may take an eighth of the memory: so much for each line,
	// in tests with lines such as "a:\n", and with TLS, which hides lines, for each byte.
	arrivingShare = 8
	costPerLine   = 128
	costPerByte   = 20
	freeArriving  = 8 << 10 // which each connection has beside this share

	// The memory of connections that are closed returns to the system after this time.
	// The Go runtime alone may keep it for minutes.
	returnTime = 10 * time.Second
)

// connections is a listener that limits how many connections and requests there are at
// a time, and the memory for headers that are arriving.
type connections struct {
	net.Listener
	secure             bool // with TLS
	most, mostRequests int
	arriving           *memory.Budget
	handlers           sync.WaitGroup // that run

	mu        sync.Mutex
	open      map[*connection]bool
	requests  int
	returning bool // memory is about to return to the system
}

// newConnections returns the connections of a server, with TLS or without, that may use
// limit bytes of memory.
func newConnections(l net.Listener, secure bool, limit int64) *connections {
	return &connections{Listener: l, secure: secure, most: max(16, int(limit/perConnection)), mostRequests: int(limit / perRequest),
		arriving: memory.NewBudget(limit / arrivingShare), open: make(map[*connection]bool)}
}

// Accept returns the next connection. If too many are open, it closes one: the one that
// has been without a request longest, if that is over a second, or else the one that has
// been in its state longest. The new one may be a health check.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	accepted := &connection{Conn: conn, of: c, closed: make(chan struct{}), since: time.Now()}
	if first := c.add(accepted); first != nil {
		first.Close()
		// Let those before this one read what has arrived, before they are closed.
		runtime.Gosched()
	}
	return accepted, nil
}

// add adds a connection. If there are too many, it returns the one to close.
func (c *connections) add(accepted *connection) (first *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.most {
		for other := range c.open {
			if first == nil || other.idle() && !first.idle() || other.idle() == first.idle() && other.since.Before(first.since) {
				first = other
			}
		}
	}
	c.open[accepted] = true
	return first
}

// in returns the connections in a state.
func (c *connections) in(state http.ConnState) (in []*connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for open := range c.open {
		if open.state == state {
			in = append(in, open)
		}
	}
	return in
}

// A connection is accepted. connections.mu guards its state.
type connection struct {
	net.Conn
	of     *connections
	closed chan struct{}

	isClosed      bool
	state         http.ConnState
	since         time.Time // when it got into its state
	requests      int       // that are being served
	arrived, held int64     // what a header that is arriving takes, and what is reserved for it
}

// below returns the connection below TLS.
func below(conn net.Conn) *connection {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*connection)
}

func (c *connection) idle() bool {
	return (c.state == http.StateNew || c.state == http.StateIdle) && time.Since(c.since) > time.Second
}

// Read closes a connection that the client has reset, and one whose header finds no
// memory.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) || !c.arrive(b[:n]) {
		c.Close()
	}
	return n, err
}

// arrive reserves memory for what has arrived, unless that belongs to a request for
// which a handler does.
func (c *connection) arrive(b []byte) bool {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.requests > 0 || c.isClosed {
		return true
	}
	if c.of.secure {
		c.arrived += costPerByte * int64(len(b))
	} else {
		c.arrived += int64(len(b) + costPerLine*bytes.Count(b, []byte("\n")))
	}
	n := max(0, c.arrived-freeArriving-c.held)
	ok := c.of.arriving.Take(n)
	if ok {
		c.held += n
	}
	return ok
}

// Close closes a connection and ends its requests.
func (c *connection) Close() error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if !c.isClosed {
		c.isClosed = true
		close(c.closed)
		c.forget()
		delete(c.of.open, c)
		if !c.of.returning {
			c.of.returning = true
			time.AfterFunc(returnTime, c.of.returnMemory)
		}
	}
	return c.Conn.Close()
}

func (c *connections) returnMemory() {
	c.mu.Lock()
	c.returning = false
	c.mu.Unlock()
	debug.FreeOSMemory()
}

// forget releases what is reserved for a header that was arriving.
func (c *connection) forget() {
	c.of.arriving.Release(c.held)
	c.arrived, c.held = 0, 0
}

// CloseWrite lets net/http close a connection without a reset, which could destroy a
// response on its way.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// connectionKey is the key of a context for the connection of a request.
type connectionKey struct{}

// withConnection is the server's ConnContext.
func (c *connections) withConnection(ctx context.Context, conn net.Conn) context.Context {
	connection := below(conn)
	return context.WithValue(handlers.WithClosed(ctx, connection.closed), connectionKey{}, connection)
}

// track is the server's ConnState.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	connection := below(conn)
	connection.state, connection.since = state, time.Now()
}

// handler counts the requests that next serves and, once draining is closed, ends each
// connection after its next response, so that clients connect elsewhere. If there are too
// many requests, it resets those that are not the only one on their connection, because a
// response would take memory, too.
func (c *connections) handler(next http.Handler, draining <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.handlers.Add(1)
		defer c.handlers.Done()
		on := r.Context().Value(connectionKey{}).(*connection)
		refused := on.count(1)
		defer on.count(-1)
		if refused {
			panic(http.ErrAbortHandler)
		}
		select {
		case <-draining:
			// Over HTTP/2, net/http sends GOAWAY instead.
			w.Header().Set("Connection", "close")
		default:
		}
		next.ServeHTTP(w, r)
	})
}

// count counts a request that begins, 1, or ends, -1. It reports whether there are too
// many.
func (c *connection) count(requests int) bool {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.requests += requests
	c.of.requests += requests
	c.forget()
	return c.requests > 1 && c.of.requests > c.of.mostRequests
}
