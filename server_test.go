package main

import (
	"io"
	"net"
	"strings"
	"testing"
)

// A client that sends too much, or too slowly, is answered or cut off.
func TestBounds(t *testing.T) {
	server := serveTest(t, nil)
	for _, c := range []struct {
		name, sent string
		want       string // how the answer begins, empty for none
	}{
		{"header flood", "GET /args HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n", "HTTP/1.1 431"},
		{"one long header", "GET /args HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n", "HTTP/1.1 431"},
		{"long target", "GET /" + strings.Repeat("y", 100_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 431"},
		{"large headers", "GET /args HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + strings.Repeat("y", 60_000) + "\r\n\r\n", "HTTP/1.1 200"},
		{"slow header", "GET /args HTTP/1.1\r\nHost: a\r\n", ""},
		{"slow body", "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", "HTTP/1.1 400"},
		{"slow body that nobody reads", "POST /args HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", "HTTP/1.1 405"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, server.addr)
			io.WriteString(conn, c.sent)
			got, err := io.ReadAll(conn)
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Fatalf("the connection is still open, after %q", got)
			}
			if !strings.HasPrefix(string(got), c.want) || (c.want == "" && len(got) > 0) {
				t.Errorf("answered %.100q, want %q", got, c.want)
			}
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
			t.Fatalf("beside idle connections GET /args is %d %q", a.status, a.body)
		}
	}
}
