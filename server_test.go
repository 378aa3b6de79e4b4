package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The server closes a connection exactly when its timeout passes.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		reads      bool   // the client reads the answer
		want       string // how the answer begins, empty for none
		after      time.Duration
	}{
		{"slow header", "GET /args HTTP/1.1\r\nHost: a\r\n", true, "", 5 * time.Second},
		{"slow body", "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 400", 10 * time.Second},
		{"slow body that no handler reads", "POST /args HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 405", 10 * time.Second},
		{"answer that the client does not read", "GET /args HTTP/1.1\r\nHost: a\r\n\r\n", false, "", 60 * time.Second},
		{"idle connection", "GET /args HTTP/1.1\r\nHost: a\r\n\r\n", true, "HTTP/1.1 200", 75 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, after := talk(t, c.sent, c.reads)
				if !strings.HasPrefix(got, c.want) || (c.want == "" && got != "") {
					t.Errorf("answered %.100q, want %q", got, c.want)
				}
				if after != c.after {
					t.Errorf("the connection is closed after %v, want %v", after, c.after)
				}
			})
		})
	}
}

// A bubble cannot have sockets, so one timeout, a short one, is tried on a socket.
func TestTimeoutOfSocket(t *testing.T) {
	server := newTestServer(t)
	server.ReadHeaderTimeout = 10 * time.Millisecond
	listener := listen(t)
	go server.Serve(listener)
	conn := dial(t, listener.Addr().String())
	io.WriteString(conn, "GET /args HTTP/1.1\r\nHost: a\r\n")
	if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
		t.Errorf("answered %.100q (%v), want the connection closed", got, err)
	}
}

func TestHeaderLimit(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		want       string // how the answer begins
	}{
		{"header flood", "GET /args HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n", "HTTP/1.1 431"},
		{"one long header", "GET /args HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n", "HTTP/1.1 431"},
		{"long target", "GET /" + strings.Repeat("y", 100_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 431"},
		{"large headers", "GET /args HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + strings.Repeat("y", 60_000) + "\r\n\r\n", "HTTP/1.1 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got, _ := talk(t, c.sent, true); !strings.HasPrefix(got, c.want) {
					t.Errorf("answered %.100q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestIdleConnections(t *testing.T) {
	server := serveTest(t, []string{"/argserver"})
	for range 1000 {
		if response := exchange(t, server.addr, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"); response.StatusCode != 200 {
			t.Fatalf("got %s, want 200", response.Status)
		}
	}
	for range 100 {
		if a := fetch(t, "GET", server.url+"/args"); a.body != "[/argserver]\n" {
			t.Fatalf("with 1000 idle connections GET /args = %d %q", a.status, a.body)
		}
	}
}

// newTestServer returns a server with the production limits and closes it when the
// test ends.
func newTestServer(t *testing.T) *http.Server {
	server := newServer(routes(nil, nil, settings{}, nil, nil), nil, log.New(io.Discard, "", 0))
	t.Cleanup(func() { server.Close() })
	return server
}

// talk sends bytes to a server over a connection in memory, as a synctest bubble
// needs. It returns the answer and how long the server kept the connection open.
func talk(t *testing.T, sent string, reads bool) (answer string, after time.Duration) {
	server := newTestServer(t)
	closed := make(chan time.Time, 1)
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- time.Now()
		}
	}
	listener := newPipeListener()
	go server.Serve(listener)
	start := time.Now()
	conn := listener.dial(t)
	go io.WriteString(conn, sent) // returns when the server has read it all or closes
	if reads {
		read, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		answer = string(read)
	}
	return answer, (<-closed).Sub(start)
}

// A pipeListener accepts the connections that are sent to it.
type pipeListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

func newPipeListener() pipeListener {
	closed := make(chan struct{})
	return pipeListener{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
}

// dial returns the client's end of a new connection.
func (l pipeListener) dial(t *testing.T) net.Conn {
	conn, accepted := net.Pipe()
	t.Cleanup(func() { conn.Close() })
	l.accepted <- accepted
	return conn
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error {
	l.close()
	return nil
}

func (l pipeListener) Addr() net.Addr { return nil }
