package handlers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/response"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

func TestEvents(t *testing.T) {
	for _, environ := range [][]string{nil, {"ARGSERVER_ACCESS_LOG=1"}, {"ARGSERVER_ACCESS_LOG=json"}} {
		server := servertest.Serve(t, nil, environ...)
		for _, client := range []*http.Client{http.DefaultClient, servertest.HTTP2Client(t)} {
			for _, c := range []struct {
				method, query string
				status        int
				body          string // the whole body, or of an error its first part
			}{
				{"GET", "?interval=10ms&count=3", 200, "id: 1\ndata: 1 of 3\n\nid: 2\ndata: 2 of 3\n\nid: 3\ndata: 3 of 3\n\n"},
				{"GET", "?interval=30s&count=1", 200, "id: 1\ndata: 1 of 1\n\n"},
				{"HEAD", "?interval=30s", 200, ""},
				{"HEAD", "", 200, ""},
				{"GET", "?interval=9ms", 400, `interval="9ms": want a duration from 10ms to 30s, such as 250ms` + "\n"},
				{"GET", "?interval=31s", 400, `interval="31s": want`},
				{"GET", "?interval=-1s", 400, `interval="-1s": want`},
				{"GET", "?interval=1", 400, `interval="1": want`},
				{"GET", "?interval=", 400, `interval="": want`},
				{"GET", "?count=0", 400, `count="0": want a number from 1 to 1000, such as 10` + "\n"},
				{"GET", "?count=1001", 400, `count="1001": want`},
				{"GET", "?count=-1", 400, `count="-1": want`},
				{"GET", "?count=", 400, `count="": want`},
				{"GET", "?count=%0d%0a", 400, `count="\r\n": want`},
				{"GET", "?interval=30s&count=21", 400, "count and interval: want a stream of at most 10m0s in all\n"},
				{"GET", "?count=601", 400, "count and interval: want"},
			} {
				request, err := http.NewRequest(c.method, server.URL+"/events"+c.query, nil)
				if err != nil {
					t.Fatal(err)
				}
				a := servertest.Do(t, client, request)
				contentType := "text/event-stream"
				if c.status != 200 {
					contentType = response.TextPlain
				}
				if a.Status != c.status || (c.status == 200 && a.Body != c.body) || !strings.HasPrefix(a.Body, c.body) {
					t.Errorf("%s /events%s = %d %q, want %d %q", c.method, c.query, a.Status, a.Body, c.status, c.body)
				}
				if a.Header.Get("Content-Type") != contentType || a.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s /events%s has the headers %v", c.method, c.query, a.Header)
				}
			}
		}
		if a := servertest.Fetch(t, "POST", server.URL+"/events"); a.Status != 405 {
			t.Errorf("POST /events = %d, want 405", a.Status)
		}
	}
}

// The body of a request for events is read. Over HTTP/2 it would take up the window of
// all streams.
func TestEventsWithBody(t *testing.T) {
	server := servertest.Serve(t, nil)
	client := servertest.HTTP2Client(t)
	request, err := http.NewRequest("GET", server.URL+"/events?interval=30s", strings.NewReader(strings.Repeat("x", 200_000)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	second, err := http.NewRequest("POST", server.URL+"/request", strings.NewReader("ten bytes."))
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Do(t, client, second); got.Status != 200 || response.StatusCode != 200 {
		t.Errorf("got %d for the events and %d for a request beside them, want 200", response.StatusCode, got.Status)
	}
}

// The longest stream outlasts WriteTimeout, and each event arrives when it is due.
func TestEventsOnTime(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := watchHandlersOf(t, protocol)
				start := time.Now()
				response, err := client.Get("http://a/events?interval=30s&count=20")
				if err != nil {
					t.Fatal(err)
				}
				if response.Proto != protocol {
					t.Errorf("answered in %s", response.Proto)
				}
				events := bufio.NewReader(response.Body)
				for n := range 20 {
					for _, want := range []string{fmt.Sprintf("id: %d\n", n+1), fmt.Sprintf("data: %d of 20\n", n+1), "\n"} {
						if line, err := events.ReadString('\n'); line != want || err != nil {
							t.Fatalf("read %q (%v), want %q", line, err, want)
						}
					}
					if got, want := time.Since(start), time.Duration(n)*30*time.Second; got != want {
						t.Errorf("event %d arrives after %v, want %v", n+1, got, want)
					}
				}
				if rest, err := io.ReadAll(events); len(rest) > 0 || err != nil {
					t.Errorf("the stream ends with %q (%v), want nothing", rest, err)
				}
				if got := time.Since(start); got != 570*time.Second {
					t.Errorf("the stream ends after %v, want 570s", got)
				}
			})
		})
	}
}

// A client that left, or that does not read, does not keep its handler for long.
func TestEventsClientGone(t *testing.T) {
	for _, c := range []struct {
		protocol string
		within   time.Duration // the handler ends this long after the client left
	}{
		{"HTTP/1.1", 2 * time.Second}, // the next event but one cannot be written
		{"HTTP/2.0", 0},
	} {
		t.Run(c.protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, handled := watchHandlersOf(t, c.protocol)
				ctx, leave := context.WithCancel(t.Context())
				request, err := http.NewRequestWithContext(ctx, "GET", "http://a/events?count=600", nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				io.ReadFull(response.Body, make([]byte, 10))
				start := time.Now()
				leave()
				<-handled
				if got := time.Since(start); got > c.within {
					t.Errorf("the handler ends %v after the client left, want at most %v", got, c.within)
				}
			})
		})
	}
	t.Run("does not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got, after := servertest.Talk(t, "GET /events?interval=30s HTTP/1.1\r\nHost: a\r\n\r\n", false)
			if got != "" || after != 40*time.Second {
				t.Errorf("answered %q and closed after %v, want nothing and 40s", got, after)
			}
		})
	})
	t.Run("reads slowly", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			connect, handled := watchHandlers(t)
			conn := connect()
			start := time.Now()
			go io.WriteString(conn, "GET /events?interval=10ms&count=1000 HTTP/1.1\r\nHost: a\r\n\r\n")
			go func() {
				// The smallest buffer there is keeps the client from reading ahead.
				response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
				for err == nil {
					_, err = io.ReadFull(response.Body, make([]byte, len("id: 100\ndata: 100 of 1000\n\n")))
					time.Sleep(9 * time.Second)
				}
			}()
			<-handled
			if got := time.Since(start); got != 10*time.Minute {
				t.Errorf("the stream ends after %v, want 10m", got)
			}
			time.Sleep(time.Minute) // until the client has noticed
		})
	})
}

// Shutdown does not wait for a stream. The stream ends as it should, when the drain
// begins.
func TestEventsEndWhenDraining(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, drain := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprint(protocol, " ", drain), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := servertest.ServeBubble(t, settings.Settings{Drain: drain, ShutdownTimeout: 8 * time.Second})
					const target = "/events?interval=30s&count=20"
					var response *http.Response
					var err error
					if protocol == "HTTP/2.0" {
						response, err = b.Client(t).Get("http://a" + target)
					} else {
						conn := b.Dial(t)
						io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n")
						response, err = http.ReadResponse(bufio.NewReader(conn), nil)
					}
					if err != nil {
						t.Fatal(err)
					}
					const first = "id: 1\ndata: 1 of 20\n\n"
					read := make([]byte, len(first))
					if _, err := io.ReadFull(response.Body, read); err != nil || string(read) != first {
						t.Fatalf("read %q (%v), want %q", read, err, first)
					}
					start := time.Now()
					b.Signals <- os.Interrupt
					if rest, err := io.ReadAll(response.Body); len(rest) > 0 || err != nil || time.Since(start) > 0 {
						t.Errorf("the stream ends after %v with %q (%v), want at once with nothing", time.Since(start), rest, err)
					}
					if status := <-b.Exited; status != 0 || time.Since(start) > drain+1500*time.Millisecond {
						t.Errorf("exit status %d after %v, want 0 within 1.5s after the drain: %s", status, time.Since(start), b.Log.String())
					}
				})
			})
		}
	}
}

// Not even a client that does not read a stream delays shutdown by much.
func TestEventsUnreadWhenDraining(t *testing.T) {
	for _, c := range []struct{ name, sent string }{
		{"HTTP/1.1", "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"},
		// SETTINGS with a window of 0, then HEADERS of GET /events.
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00" +
			"\x00\x00\x0e\x01\x05\x00\x00\x00\x01\x82\x86\x04\x07/events\x01\x01a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := servertest.ServeBubble(t, settings.Settings{ShutdownTimeout: 8 * time.Second})
				conn := b.Dial(t)
				if c.name == "HTTP/2" {
					go io.Copy(io.Discard, conn)
				}
				io.WriteString(conn, c.sent)
				time.Sleep(100 * time.Millisecond)
				start := time.Now()
				b.Signals <- os.Interrupt
				if status := <-b.Exited; status != 0 {
					t.Errorf("exit status %d, want 0: %s", status, b.Log.String())
				}
				if got := time.Since(start); got > 3*time.Second {
					t.Errorf("shutdown takes %v, want at most 3s", got)
				}
			})
		})
	}
}

// watchHandlers starts a server with the production limits in a synctest bubble. It
// returns a function that connects to it in memory, and a channel that receives when
// a handler has returned.
func watchHandlers(t *testing.T) (connect func() net.Conn, handled <-chan struct{}) {
	server := servertest.NewTestServer(t)
	returned := make(chan struct{}, 1)
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { returned <- struct{}{} }()
		handler.ServeHTTP(w, r)
	})
	listener := servertest.NewPipeListener()
	go server.Serve(listener)
	return func() net.Conn { return listener.Dial(t) }, returned
}

// watchHandlersOf returns a client of the server of watchHandlers.
func watchHandlersOf(t *testing.T, protocol string) (client *http.Client, handled <-chan struct{}) {
	connect, handled := watchHandlers(t)
	var protocols http.Protocols
	protocols.SetHTTP1(protocol == "HTTP/1.1")
	protocols.SetUnencryptedHTTP2(protocol == "HTTP/2.0")
	transport := &http.Transport{Protocols: &protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return connect(), nil
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, handled
}

func TestLimitsInDocument(t *testing.T) {
	servertest.WantLimits(t, "`/events`", map[string]any{
		"target":                                servertest.Bytes(handlers.MaxEventsTarget),
		"time for all events":                   handlers.MaxStream,
		"time for a client to receive an event": handlers.MaxEventLate,
	})
}
