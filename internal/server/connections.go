package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"argserver/internal/memory"
)

const (
	// quietTime is how long the stop waits for a request on a connection without
	// one: a client may just be sending it.
	quietTime = time.Second
	// goAwayTime is how long the stop then leaves an HTTP/2 connection open, so that
	// the client receives GOAWAY. net/http leaves it open for a second.
	goAwayTime = 250 * time.Millisecond
	// stopInterval is how often the stop looks at the connections.
	stopInterval = 5 * time.Millisecond
)

// preface begins HTTP/2 without TLS (RFC 9113, section 3.4). No method of HTTP/1 does.
const preface = "PRI * HTTP/2"

// connections are the open connections of a server. They tell the stop more than
// http.Server.Shutdown knows, which drops a request if its header is still arriving,
// waits for seconds for connections without a request, and does not wait for
// hijacked ones.
type connections struct {
	mu   sync.Mutex
	all  map[*connection]struct{}
	most int // connections that the memory limit is set for, a multiple of 64
}

// A connection knows whether it serves a request or receives one.
type connection struct {
	net.Conn
	of *connections

	// begun tells whether bytes arrived since the connection was accepted, the TLS
	// handshake ended or the server last wrote. The next request may arrive before
	// net/http calls the connection idle.
	begun atomic.Bool

	matched int // bytes of preface that the connection began with, or -1 if it did not

	mu        sync.Mutex      // for what follows
	outer     net.Conn        // the connection or the TLS connection on top of it
	handshake context.Context // of the TLS handshake, which ends it; nil before and some time after
	known     bool            // the first request has arrived
	active    bool            // a request is served, or the connection is hijacked
	http2     bool
	quiet     time.Time // when the stop first saw it quiet, or zero
}

// listener returns a listener whose connections are tracked until they are closed.
// The server needs track as its ConnState, and with TLS handshake as the
// GetConfigForClient of its configuration.
func (cs *connections) listener(l net.Listener) net.Listener {
	return trackedListener{l, cs}
}

type trackedListener struct {
	net.Listener
	connections *connections
}

func (l trackedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, of: l.connections}
	c.outer = c
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.all[c] = struct{}{}
	if n := len(c.of.all); n > c.of.most && n%64 == 0 {
		c.of.most = n
		memory.Limit(n)
	}
	return c, nil
}

func (c *connection) Read(b []byte) (int, error) {
	if c.handshake != nil && c.handshake.Err() != nil {
		c.mu.Lock()
		c.handshake = nil
		c.mu.Unlock()
		c.begun.Store(false)
	}
	n, err := c.Conn.Read(b)
	if n > 0 && !c.begun.Load() {
		c.begun.Store(true)
	}
	for i := 0; i < n && c.matched < len(preface) && c.matched >= 0; i++ {
		c.matched++
		if b[i] != preface[c.matched-1] {
			c.matched = -1
		}
	}
	return n, err
}

func (c *connection) Write(b []byte) (int, error) {
	if c.begun.Load() {
		c.begun.Store(false)
	}
	return c.Conn.Write(b)
}

func (c *connection) Close() error {
	c.of.forget(c)
	return c.Conn.Close()
}

// CloseWrite lets net/http close a connection without a reset, which could destroy
// an answer on its way.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (cs *connections) forget(c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.all, c)
	// Lower the limit late, so that it does not change all the time.
	if n := len(cs.all); n < cs.most/2 && n%64 == 0 {
		cs.most = n
		memory.Limit(n)
	}
}

// handshake notes the context of a TLS handshake, which crypto/tls ends with it.
func (cs *connections) handshake(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c, ok := hello.Conn.(*connection); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.handshake = hello.Context()
	}
	return nil, nil
}

// track notes the states of a connection. HTTP/1 is active from the end of the
// header of a request to the end of the answer, and HTTP/2 while it has streams.
func (cs *connections) track(outer net.Conn, state http.ConnState) {
	inner := outer
	secure, _ := outer.(*tls.Conn)
	if secure != nil {
		inner = secure.NetConn()
	}
	c, ok := inner.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.outer = outer
	case http.StateActive:
		c.active = true
		if !c.known {
			c.known = true
			c.http2 = c.matched == len(preface) || secure != nil && secure.ConnectionState().NegotiatedProtocol == "h2"
		}
	case http.StateHijacked:
		c.active = true
	case http.StateIdle:
		c.active = false
	}
}

// finish serves until no connection is left or ctx ends. Then it closes those that
// are left and returns how many of them served or received a request.
func (cs *connections) finish(ctx context.Context, server *http.Server) int {
	defer func() {
		for _, c := range cs.list() {
			c.Close() // without the end of TLS, for which a client could make it wait
		}
	}()
	ticker := time.NewTicker(stopInterval)
	defer ticker.Stop()
	var shutdown time.Time // when it began
	for {
		now := time.Now()
		busy, settled := 0, true
		left := cs.list()
		for _, c := range left {
			active, arriving, http2 := c.state()
			if active || arriving {
				c.quiet = time.Time{}
				busy++
				settled = settled && !arriving
				continue
			}
			if c.quiet.IsZero() {
				c.quiet = now
			}
			switch {
			case now.Sub(c.quiet) < quietTime && shutdown.IsZero():
				settled = false
			case !http2, !shutdown.IsZero() && now.Sub(shutdown) >= goAwayTime && now.Sub(c.quiet) >= goAwayTime:
				c.drop()
			}
		}
		if len(left) == 0 || ctx.Err() != nil {
			return busy
		}
		if settled && shutdown.IsZero() {
			// From here on net/http would drop a request whose header is still
			// arriving. It sends GOAWAY on HTTP/2 connections without a request.
			shutdown = now
			go server.Shutdown(ctx)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

func (cs *connections) list() []*connection {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	list := make([]*connection, 0, len(cs.all))
	for c := range cs.all {
		list = append(list, c)
	}
	return list
}

// state tells whether the connection serves a request, whether a request or a TLS
// handshake is arriving on it, and whether it is an HTTP/2 connection. Frames that
// arrive on an HTTP/2 connection without streams are no request.
func (c *connection) state() (active, arriving, http2 bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	concluded := c.handshake != nil && c.handshake.Err() != nil
	return c.active, c.begun.Load() && !concluded && !c.http2, c.http2
}

// drop closes the connection and does not wait: with TLS a client that does not read
// can delay the close.
func (c *connection) drop() {
	c.of.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	go c.outer.Close()
}
