package servertest

import (
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/server"
	"argserver/internal/settings"
)

// NewTestServer returns a server with the production limits and closes it when the
// test ends.
func NewTestServer(t *testing.T) *http.Server {
	server := server.New(handlers.Routes(nil, nil, settings.Settings{}, nil), nil, log.New(io.Discard, "", 0))
	t.Cleanup(func() { server.Close() })
	return server
}

// Talk sends bytes to a server over a connection in memory, as a synctest bubble
// needs. It returns the response and how long the server kept the connection open.
func Talk(t *testing.T, sent string, reads bool) (response string, after time.Duration) {
	server := NewTestServer(t)
	closed := make(chan time.Time, 1)
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- time.Now()
		}
	}
	listener := NewPipeListener()
	go server.Serve(listener)
	start := time.Now()
	conn := listener.Dial(t)
	go io.WriteString(conn, sent) // returns when the server has read it all or closes
	if reads {
		read, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		response = string(read)
	}
	return response, (<-closed).Sub(start)
}

// A pipeListener accepts the connections that are sent to it.
type pipeListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

func NewPipeListener() pipeListener {
	closed := make(chan struct{})
	return pipeListener{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
}

// Dial returns the client's end of a new connection.
func (l pipeListener) Dial(t *testing.T) net.Conn {
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
