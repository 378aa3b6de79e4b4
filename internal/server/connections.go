package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// There have to be so many bytes of memory for each connection and each request over
	// HTTP/2. What is left is for the bodies, headers and responses of memory.MaxHeld.
	perConnection = 256 << 10
	perRequest    = 64 << 10

	// The memory of connections that are closed returns to the system after this time,
	// if it is more than keptMemory bytes. The Go runtime alone may keep it for minutes.
	giveBackTime = 10 * time.Second
	keptMemory   = 16 << 20
)

// connections limits how many connections and requests there are at a time.
type connections struct {
	most, mostRequests int
	handlers           sync.WaitGroup // that run

	mu       sync.Mutex
	open     map[net.Conn]*connection
	requests int
	giveBack bool // is about to happen
}

// A connection is open. connections.mu guards it.
type connection struct {
	conn     net.Conn
	state    http.ConnState
	since    time.Time // when it got into its state
	requests int       // that are being served
}

// newConnections returns the connections of a server that may use limit bytes of memory.
func newConnections(limit int64) *connections {
	return &connections{most: max(16, int(limit/perConnection)), mostRequests: int(limit / perRequest), open: make(map[net.Conn]*connection)}
}

// connectionKey is the key of a context for the connection of a request.
type connectionKey struct{}

// add is the server's ConnContext. If too many connections are open, it closes the one
// that has gone longest without a request, or the oldest if all have one: a new
// connection may be a health check.
func (c *connections) add(ctx context.Context, conn net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.most {
		var oldest *connection
		for _, other := range c.open {
			if oldest == nil || oldest.busy() && !other.busy() || oldest.busy() == other.busy() && other.since.Before(oldest.since) {
				oldest = other
			}
		}
		delete(c.open, oldest.conn)
		oldest.cut()
	}
	added := &connection{conn: conn, since: time.Now()}
	c.open[conn] = added
	return context.WithValue(ctx, connectionKey{}, added)
}

func (c *connection) busy() bool {
	return c.state == http.StateActive || c.state == http.StateHijacked
}

// cut closes a connection. With TLS it does not wait for the client to read.
func (c *connection) cut() {
	if secure, ok := c.conn.(*tls.Conn); ok {
		secure.NetConn().Close()
	} else {
		c.conn.Close()
	}
}

// track is the server's ConnState.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed {
		c.remove(conn)
	} else if open := c.open[conn]; open != nil {
		open.state, open.since = state, time.Now()
	}
}

// remove removes a connection that is closed.
func (c *connections) remove(conn net.Conn) {
	delete(c.open, conn)
	if c.giveBack {
		return
	}
	c.giveBack = true
	time.AfterFunc(giveBackTime, func() {
		c.mu.Lock()
		c.giveBack = false
		c.mu.Unlock()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		if stats.HeapSys-stats.HeapReleased > keptMemory {
			debug.FreeOSMemory()
		}
	})
}

// in returns the connections in a state.
func (c *connections) in(state http.ConnState) (in []*connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, open := range c.open {
		if open.state == state {
			in = append(in, open)
		}
	}
	return in
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
		c.mu.Lock()
		on.requests++
		c.requests++
		refused := on.requests > 1 && c.requests > c.mostRequests
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			on.requests--
			c.requests--
			if on.state == http.StateHijacked {
				c.remove(on.conn)
			}
		}()
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
