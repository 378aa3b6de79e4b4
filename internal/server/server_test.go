package server_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/servertest"
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
		{"slow body", "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 400", 10 * time.Second},
		{"slow body that no handler reads", "POST /args HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", true, "HTTP/1.1 405", 10 * time.Second},
		{"response that the client does not read", "GET /args HTTP/1.1\r\nHost: a\r\n\r\n", false, "", 60 * time.Second},
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
