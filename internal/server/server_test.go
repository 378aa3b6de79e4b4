package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/memory"
	"argserver/internal/server"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

// The server closes a connection exactly when its timeout passes.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		reads      bool   // the client reads the response
		want       string // how the response begins, empty for none
		after      time.Duration
	}{
		{"slow header", "GET /args HTTP/1.1\r\nHost: a\r\n", true, "", 5 * time.Second},
		{"slow body", "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 408", 10 * time.Second},
		{"slow body that no handler wants", "GET /events HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 408", 10 * time.Second},
		{"slow body with a wrong method", "POST /args HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 408", 10 * time.Second},
		{"response that the client does not read", "GET /args HTTP/1.1\r\nHost: a\r\n\r\n", false, "", 60 * time.Second},
		{"HTTP/2 client that reads nothing", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", false, "", 10 * time.Second},
		{"idle connection", "GET /args HTTP/1.1\r\nHost: a\r\n\r\n", true, "HTTP/1.1 200", 75 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, after := servertest.Talk(t, c.sent, c.reads)
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

// Over HTTP/2, too, a body that does not arrive in time gets 408 and a sentence.
func TestSlowBodyOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := servertest.ServeBubble(t, settings.Settings{ShutdownTimeout: time.Second})
		body, upload := io.Pipe()
		go io.WriteString(upload, "five.")
		response, err := server.Client(t).Post("http://a/request", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if response.StatusCode != 408 || string(got) != "body: want all of it within 10s\n" || err != nil {
			t.Errorf("got %s, %q and %v, want 408", response.Status, got, err)
		}
		upload.Close()
		server.Signals <- os.Interrupt
		<-server.Exited
	})
}

// A long response may take as long as the client goes on reading, up to ten minutes.
func TestSlowDownload(t *testing.T) {
	for _, c := range []struct {
		name  string
		size  int
		pause time.Duration // before the client reads another 32 KiB
		whole bool
		after time.Duration
	}{
		{"in time", 4 << 20, 4 * time.Second, true, 0},
		{"with a pause", 4 << 20, 11 * time.Second, false, 0},
		{"for too long", 64 << 20, 5 * time.Second, false, 10*time.Minute + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := servertest.NewTestServer(t)
				listener := servertest.NewPipeListener()
				go server.Serve(listener)
				conn := listener.Dial(t)
				fmt.Fprintf(conn, "GET /request?size=%d HTTP/1.1\r\nHost: a\r\n\r\n", c.size)
				start := time.Now()
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				var n int64
				for err == nil {
					time.Sleep(c.pause)
					var part int64
					part, err = io.CopyN(io.Discard, response.Body, 32<<10)
					n += part
				}
				if (n == int64(c.size)) != c.whole {
					t.Errorf("got %d bytes of %d, all: want %v", n, c.size, c.whole)
				}
				if took := time.Since(start); c.after > 0 && (took < c.after-time.Minute || took > c.after+time.Minute) {
					t.Errorf("the download ended after %v, want %v", took, c.after)
				}
			})
		})
	}
}

// A bubble cannot have sockets, so one timeout, a short one, is tried on a socket.
func TestTimeoutOfSocket(t *testing.T) {
	server := servertest.NewTestServer(t)
	server.ReadHeaderTimeout = 10 * time.Millisecond
	listener := servertest.Listen(t)
	go server.Serve(listener)
	conn := servertest.Dial(t, listener.Addr().String())
	io.WriteString(conn, "GET /args HTTP/1.1\r\nHost: a\r\n")
	if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
		t.Errorf("answered %.100q (%v), want the connection closed", got, err)
	}
}

func TestHeaderLimit(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		want       string // how the response begins
	}{
		{"header flood", "GET /args HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n", "HTTP/1.1 431"},
		{"one long header", "GET /args HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n", "HTTP/1.1 431"},
		{"long target", "GET /" + strings.Repeat("y", 100_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 431"},
		{"large headers", "GET /args HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + strings.Repeat("y", 60_000) + "\r\n\r\n", "HTTP/1.1 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got, _ := servertest.Talk(t, c.sent, true); !strings.HasPrefix(got, c.want) {
					t.Errorf("answered %.100q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestIdleConnections(t *testing.T) {
	server := servertest.Serve(t, []string{"/argserver"})
	for range 1000 {
		if response := servertest.Exchange(t, server.Addr, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"); response.StatusCode != 200 {
			t.Fatalf("got %s, want 200", response.Status)
		}
	}
	for range 100 {
		if a := servertest.Fetch(t, "GET", server.URL+"/args"); a.Body != "[/argserver]\n" {
			t.Fatalf("with 1000 idle connections GET /args = %d %q", a.Status, a.Body)
		}
	}
}

func TestLimitsInDocument(t *testing.T) {
	kib := func(n int) string { return strconv.Itoa(n>>10) + " KiB" }
	servertest.WantLimits(t, "", map[string]any{
		"time for the TLS handshake, and for a header":                server.HeaderTime,
		"time for a request with its body":                            memory.RequestTime,
		"time from the end of the header until the response is sent":  server.ResponseTime,
		"the same with `?size`, for each " + kib(len(handlers.Zeros)): handlers.MaxStall,
		"the same with `?size`, for the whole body":                   handlers.MaxDownload,
		"time without a request":                                      server.IdleTime,
		"time in which a client of HTTP/2 reads nothing":              server.StallTime,
		"header": servertest.Bytes(server.MaxHeader),
		"body":   servertest.Bytes(memory.MaxBody),
		"requests at a time on a connection of HTTP/2":                                    server.MaxStreams,
		"memory for bodies, long headers, and long arguments and variables in a response": servertest.Bytes(memory.MaxHeld),
		"memory for headers that are arriving":                                            "1/" + strconv.Itoa(server.ArrivingShare) + " of all",
		"memory for each connection":                                                      servertest.Bytes(server.PerConnection),
		"memory for each request over HTTP/2":                                             servertest.Bytes(server.PerRequest),
	})
}
