package server_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

// serveSmall calls test with a server for which the memory suffices for 16 connections,
// for 64 requests over HTTP/2 and for 512 KiB of headers that are arriving.
func serveSmall(t *testing.T, test func(t *testing.T, b *servertest.BubbleServer)) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(4 << 20))
	synctest.Test(t, func(t *testing.T) {
		b := servertest.ServeBubble(t, settings.Settings{ShutdownTimeout: time.Second})
		test(t, b)
		b.Signals <- os.Interrupt
		b.Signals <- os.Interrupt
		<-b.Exited
		time.Sleep(handlers.MaxWait)
	})
}

// open opens connections a second apart, each with a request that waits, or with one
// that has got its response, and returns them.
func open(t *testing.T, b *servertest.BubbleServer, n int, waits bool) (conns []net.Conn) {
	for range n {
		conn := b.Listener.Dial(t)
		t.Cleanup(func() { conn.Close() })
		if waits {
			io.WriteString(conn, waiting)
		} else {
			servertest.ExchangeOn(t, conn, 0, getRequest)
		}
		conns = append(conns, conn)
		time.Sleep(time.Second)
	}
	return conns
}

// closed returns the numbers of the connections that the server has closed.
func closed(conns []net.Conn) (numbers []int) {
	for i, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := io.ReadAll(conn); err == nil {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

func wantClosed(t *testing.T, conns []net.Conn, want string) {
	t.Helper()
	if got := fmt.Sprint(closed(conns)); got != want {
		t.Errorf("the server has closed the connections %s, want %s", got, want)
	}
}

const waiting = "GET /request?wait=30s HTTP/1.1\r\nHost: a\r\n\r\n"

// A new connection takes the place of the one that has been without a request longest.
func TestConnectionLimit(t *testing.T) {
	serveSmall(t, func(t *testing.T, b *servertest.BubbleServer) {
		conns := append(open(t, b, 2, true), open(t, b, 16, false)...)
		wantClosed(t, conns, "[2 3]")
	})
}

// If each connection has a request, a new one takes the place of the oldest, whose
// request ends.
func TestConnectionLimitWithRequests(t *testing.T) {
	serveSmall(t, func(t *testing.T, b *servertest.BubbleServer) {
		conns := open(t, b, 16, true)
		servertest.ExchangeOn(t, b.Listener.Dial(t), 0, getRequest)
		wantClosed(t, conns, "[0]")
	})
}

// Requests over HTTP/2 are reset when there are too many, except for one on each
// connection. Those that end make room.
func TestRequestLimit(t *testing.T) {
	serveSmall(t, func(t *testing.T, b *servertest.BubbleServer) {
		client := b.Client(t)
		b.Get(t, client, "/args") // opens the connection
		ended := make(chan error, 70)
		for range 70 {
			go func() {
				response, err := client.Get("http://a/request?wait=30s")
				if err == nil {
					response.Body.Close()
				}
				ended <- err
			}()
		}
		time.Sleep(time.Second)
		for range 6 {
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") {
				t.Errorf("a request too many ended with %v, want a reset", err)
			}
		}
		b.Get(t, b.Client(t), "/healthz")
		for range 64 {
			if err := <-ended; err != nil {
				t.Errorf("a request ended with %v", err)
			}
		}
		b.Get(t, client, "/args")
	})
}

// A request over HTTP/2 counts until its client has taken the response.
func TestRequestLimitOfUnreadResponses(t *testing.T) {
	serveSmall(t, func(t *testing.T, b *servertest.BubbleServer) {
		conn := b.Listener.Dial(t)
		// Settings with a window of 0, then 70 requests for /args.
		sent := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00"
		for i := range 70 {
			sent += "\x00\x00\x0c\x01\x05\x00\x00\x00" + string([]byte{byte(2*i + 1)}) + "\x82\x86\x04\x05/args\x01\x01a"
		}
		go io.WriteString(conn, sent)
		kinds := make(map[byte]int)
		for conn.SetReadDeadline(time.Now().Add(5 * time.Second)); ; {
			var head [9]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				break
			}
			kinds[head[3]]++
			io.CopyN(io.Discard, conn, int64(head[1])<<8|int64(head[2]))
		}
		const headers, reset = 1, 3
		if kinds[headers] != 64 || kinds[reset] != 6 {
			t.Errorf("of 70 requests %d got a response and %d a reset, want 64 and 6", kinds[headers], kinds[reset])
		}
	})
}

// Headers that arrive slowly may take 512 KiB together, and what one has taken is free
// once it is a request or its connection is closed.
func TestArrivingHeaders(t *testing.T) {
	for name, part := range map[string]string{"long": "A: " + strings.Repeat("x", 60_000) + "\r\n", "many": strings.Repeat("a:\n", 430)} {
		t.Run(name, func(t *testing.T) {
			serveSmall(t, func(t *testing.T, b *servertest.BubbleServer) {
				var conns []net.Conn
				for range 12 {
					conn := b.Listener.Dial(t)
					t.Cleanup(func() { conn.Close() })
					io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n"+part)
					conns = append(conns, conn)
				}
				if got := closed(conns); len(got) == 0 || len(got) > 3 {
					t.Errorf("the server has closed %d connections with half a header, want 1 to 3", len(got))
				}
				for _, conn := range conns {
					conn.Close()
				}
				synctest.Wait()
				for range 20 {
					servertest.ExchangeOn(t, b.Listener.Dial(t), time.Second, "GET /healthz HTTP/1.1\r\nHost: a\r\n"+part, "\r\n")
				}
			})
		})
	}
}

// A request ends once its client resets the connection.
func TestReset(t *testing.T) {
	var access servertest.LockedBuffer
	server := servertest.ServeTo(t, &access, []string{"/argserver"}, "ARGSERVER_ACCESS_LOG=1")
	conn := servertest.Dial(t, server.Addr)
	io.WriteString(conn, waiting)
	servertest.Fetch(t, "GET", server.URL+"/healthz")
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	for until := time.Now().Add(servertest.Patience); strings.Count(access.String(), "\n") < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the access log has %q", access.String())
		}
	}
	if got := access.String(); !strings.Contains(got, `GET "/request" - 0 `) {
		t.Errorf("the access log has %q, want a request that got no response", got)
	}
}
