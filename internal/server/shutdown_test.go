package server_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"argserver/internal/servertest"
)

// The response is larger than the socket buffers of both sides. The server is
// still writing it when the signal arrives, because the client reads only a part.
func TestShutdown(t *testing.T) {
	argv := []string{strings.Repeat("x", 32<<20)}
	for _, c := range []struct {
		name    string
		timeout string
		signals int
		read    bool // the client reads the rest of the response
		status  int
		says    string
	}{
		{"in flight is finished", "1h", 1, true, 0, "stopped on signal (terminated)"},
		{"timeout exceeded", "50ms", 1, false, 1, "requests in flight were cut off"},
		{"no timeout granted", "0s", 1, false, 1, "requests in flight were cut off"},
		{"second signal", "1h", 2, false, 1, "second signal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := servertest.Serve(t, argv, "ARGSERVER_SHUTDOWN_TIMEOUT="+c.timeout)
			response := servertest.Exchange(t, server.Addr, "GET /args/0 HTTP/1.1\r\nHost: a\r\n\r\n")
			for range c.signals {
				server.Signals <- syscall.SIGTERM
			}
			// The log is read meanwhile, because the server does not wait long for that.
			var client sync.WaitGroup
			if c.read {
				client.Go(func() {
					waitRefused(t, server.Addr)
					body, err := io.ReadAll(response.Body)
					if err != nil || string(body) != argv[0] {
						t.Errorf("got %d bytes of the response and %v, want all %d", len(body), err, len(argv[0]))
					}
				})
			}
			server.WantExit(t, c.status, c.says)
			client.Wait()
		})
	}
}

func TestDrain(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_DRAIN=1h")
	if a := servertest.Fetch(t, "GET", server.URL+"/readyz"); a.Status != 200 || a.Closed {
		t.Errorf("before the signal /readyz answered %d, close: %v, want 200, false", a.Status, a.Closed)
	}
	server.Signals <- syscall.SIGTERM
	for a := (servertest.Response{}); a.Status != 503; {
		a = servertest.Fetch(t, "GET", server.URL+"/readyz")
	}
	for path, want := range map[string]int{"/healthz": 200, "/args": 200, "/request": 200} {
		if a := servertest.Fetch(t, "GET", server.URL+path); a.Status != want || !a.Closed {
			t.Errorf("while draining %s answered %d, close: %v, want %d, true", path, a.Status, a.Closed, want)
		}
	}
	// It asks about the server as a whole, and so has no path.
	if response := servertest.Exchange(t, server.Addr, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"); response.StatusCode != 200 || !response.Close {
		t.Errorf("while draining OPTIONS * answered %s, close: %v, want 200, true", response.Status, response.Close)
	}
	server.Signals <- syscall.SIGTERM
	server.WantExit(t, 1, "second signal")

	server = servertest.Serve(t, nil, "ARGSERVER_DRAIN=50ms")
	server.Signals <- syscall.SIGTERM
	server.WantExit(t, 0, "stopped on signal")
}

// waitRefused waits until addr refuses connections.
func waitRefused(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(servertest.Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatalf("%s still accepts connections", addr)
}

// Shutdown waits for requests in flight over HTTP/2, too: here the client ends its
// request body only after shutdown has begun.
func TestShutdownHTTP2(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_SHUTDOWN_TIMEOUT=1m")
	client := servertest.HTTP2Client(t)
	body, upload := io.Pipe()
	answered := make(chan servertest.Response, 1)
	go func() {
		request, err := http.NewRequest("POST", server.URL+"/request", body)
		if err != nil {
			panic(err)
		}
		answered <- servertest.Do(t, client, request)
	}()
	io.WriteString(upload, "x") // returns once the client sends the body
	// Once the server has answered a second request on the same connection, it has
	// received the first.
	request, err := http.NewRequest("GET", server.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Do(t, client, request)
	server.Signals <- os.Interrupt
	waitRefused(t, server.Addr)
	upload.Close()
	if a := <-answered; a.Status != 200 || a.Proto != "HTTP/2.0" || !strings.HasSuffix(a.Body, "\n\nx") {
		t.Errorf("the request in flight got %d in %s, want 200 in HTTP/2.0:\n%s", a.Status, a.Proto, a.Body)
	}
	server.WantExit(t, 0, "stopped on signal")
}

// While the server drains, it closes HTTP/2 connections, too: sooner or later a
// request needs a new one.
func TestDrainHTTP2(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_DRAIN=1h")
	client := servertest.HTTP2Client(t)
	get := func() (status int, reused bool) {
		request, err := http.NewRequest("GET", server.URL+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
		return servertest.Do(t, client, request.WithContext(httptrace.WithClientTrace(request.Context(), trace))).Status, reused
	}
	get()
	if _, reused := get(); !reused {
		t.Fatal("before the signal the client does not reuse its connection")
	}
	server.Signals <- os.Interrupt
	for deadline := time.Now().Add(servertest.Patience); ; {
		if status, reused := get(); status == 503 && !reused {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("while draining the client still reuses its connection")
		}
	}
}
