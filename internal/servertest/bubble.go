package servertest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"argserver/internal/server"
	"argserver/internal/settings"
)

// A BubbleServer is a call of serveOn in a synctest bubble. Its connections are in
// memory.
type BubbleServer struct {
	Listener pipeListener
	Secure   bool
	Signals  chan os.Signal
	Log      LockedBuffer
	Exited   chan int
}

func ServeBubble(t *testing.T, s settings.Settings) *BubbleServer {
	b := &BubbleServer{Listener: NewPipeListener(), Secure: s.TLS != nil, Signals: make(chan os.Signal, 2), Exited: make(chan int, 1)}
	if s.TLS != nil {
		s.TLS = s.TLS.Clone()
	}
	go func() {
		b.Exited <- server.ServeOn(b.Listener, s, []string{"/argserver"}, nil, b.Signals, io.Discard, log.New(&b.Log, "", 0))
	}()
	return b
}

// Dial opens a connection. With TLS it shakes hands, and offers the protocols.
func (b *BubbleServer) Dial(t *testing.T, protocols ...string) net.Conn {
	conn := b.Listener.Dial(t)
	if !b.Secure {
		return conn
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err := secure.Handshake(); err != nil {
		t.Error(err)
	}
	return secure
}

// Client returns an HTTP/2 client of one connection, which is open already.
func (b *BubbleServer) Client(t *testing.T) *http.Client {
	conn := b.Dial(t, "h2")
	var protocols http.Protocols
	protocols.SetHTTP2(b.Secure)
	protocols.SetUnencryptedHTTP2(!b.Secure)
	var once sync.Once
	dial := func(context.Context, string, string) (dialed net.Conn, err error) {
		err = io.ErrUnexpectedEOF
		once.Do(func() { dialed, err = conn, nil })
		return
	}
	transport := &http.Transport{Protocols: &protocols, DialContext: dial, DialTLSContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Get sends a request over HTTP/2.
func (b *BubbleServer) Get(t *testing.T, client *http.Client, path string) {
	scheme := "http"
	if b.Secure {
		scheme = "https"
	}
	response, err := client.Get(scheme + "://a" + path)
	if err != nil {
		t.Error(err)
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if response.StatusCode != 200 || response.ProtoMajor != 2 {
		t.Errorf("got %s in %s, want 200 in HTTP/2.0", response.Status, response.Proto)
	}
}

// ExchangeOn sends a request over HTTP/1 in parts, with a pause between them.
func ExchangeOn(t *testing.T, conn net.Conn, pause time.Duration, parts ...string) {
	for i, part := range parts {
		if i > 0 {
			time.Sleep(pause)
		}
		if _, err := io.WriteString(conn, part); err != nil {
			t.Error(err)
			return
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Error(err)
		return
	}
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != 200 {
		t.Errorf("got %s, %q and %v, want 200", response.Status, body, err)
	}
	if response.Close {
		go io.Copy(io.Discard, conn) // the end of TLS
	}
}
