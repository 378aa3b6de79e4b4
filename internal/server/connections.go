package server

import (
	"bytes"
	"container/list"
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
	"syscall"
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
	costPerLine   = 128 // or name of a trailer
	costPerByte   = 20
	freeArriving  = 8 << 10 // which each connection has beside this share
	mostArriving  = 1 << 20 // which each connection may take at most

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

	mu            sync.Mutex
	waiting, busy list.List // connections without and with a request, in order of since
	requests      int
	returning     bool // memory is about to return to the system
}

// newConnections returns the connections of a server, with TLS or without, that may use
// limit bytes of memory.
func newConnections(l net.Listener, secure bool, limit int64) *connections {
	return &connections{Listener: l, secure: secure, most: max(16, int(limit/perConnection)), mostRequests: int(limit / perRequest),
		arriving: memory.NewBudget(limit / arrivingShare)}
}

// Accept returns the next connection. If too many are open, it closes one: the one that
// has been without a request longest, unless that is less than a second and the one that
// has had a request longest is older. A new one may be a health check.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	for errors.Is(err, syscall.EMFILE) && c.makeRoom(0) {
		conn, err = c.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	if c.makeRoom(c.most) {
		// Let those before this one read what has arrived, before they are closed.
		runtime.Gosched()
	}
	accepted := &connection{Conn: conn, of: c, closed: make(chan struct{}), accepted: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	accepted.enter(http.StateNew)
	return accepted, nil
}

// makeRoom closes a connection and returns true, unless fewer than most are open.
func (c *connections) makeRoom(most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.waiting.Len() + c.busy.Len(); n == 0 || n < most {
		return false
	}
	first, busy := front(&c.waiting), front(&c.busy)
	if first == nil || busy != nil && time.Since(first.since) < time.Second && busy.accepted.Before(first.accepted) {
		first = busy
	}
	first.close()
	return true
}

// front returns the first connection in a list, or nil.
func front(l *list.List) *connection {
	if l.Len() == 0 {
		return nil
	}
	return l.Front().Value.(*connection)
}

// in returns the connections in a state.
func (c *connections) in(state http.ConnState) (in []*connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range []*list.List{&c.waiting, &c.busy} {
		for e := l.Front(); e != nil; e = e.Next() {
			if open := e.Value.(*connection); open.state == state {
				in = append(in, open)
			}
		}
	}
	return in
}

// A connection is accepted. connections.mu guards its state.
type connection struct {
	net.Conn
	of       *connections
	closed   chan struct{}
	accepted time.Time

	list          *list.List // nil once it is closed
	element       *list.Element
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

// enter puts a connection into a state, in which nothing has arrived yet.
func (c *connection) enter(state http.ConnState) {
	c.leave()
	c.list = &c.of.waiting
	if state == http.StateActive || state == http.StateHijacked {
		c.list = &c.of.busy
	}
	c.state, c.since = state, time.Now()
	c.element = c.list.PushBack(c)
}

// leave releases what a connection holds.
func (c *connection) leave() {
	if c.list != nil {
		c.list.Remove(c.element)
		c.list = nil
	}
	c.of.arriving.Release(c.held)
	c.arrived, c.held = 0, 0
}

// Read closes a connection that the client has reset. It closes those that have held
// memory for half a header longest until there is some for what has arrived.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.Close()
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.list != &c.of.waiting {
		return n, err // a handler reserves memory for this
	}
	if c.of.secure {
		c.arrived += costPerByte * int64(n)
	} else {
		c.arrived += int64(n + costPerLine*(bytes.Count(b[:n], []byte("\n"))+bytes.Count(b[:n], []byte(","))))
	}
	c.arrived = min(c.arrived, mostArriving)
	more := max(0, c.arrived-freeArriving-c.held)
	for e := c.of.waiting.Front(); c.list != nil && !c.of.arriving.Take(more); {
		holder := e.Value.(*connection)
		e = e.Next()
		if holder.held > 0 || holder == c {
			holder.close()
		}
	}
	if c.list != nil {
		c.held += more
	}
	return n, err
}

// Close closes a connection and ends its requests.
func (c *connection) Close() error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	return c.close()
}

func (c *connection) close() error {
	if c.list != nil {
		c.leave()
		close(c.closed)
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
	if connection := below(conn); connection.list != nil {
		connection.enter(state)
	}
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
		memory.Sent(w, r)
	})
}

// count counts a request that begins, 1, or ends, -1. It reports whether there are too
// many.
func (c *connection) count(requests int) bool {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.requests += requests
	c.of.requests += requests
	return c.requests > 1 && c.of.requests > c.of.mostRequests
}
