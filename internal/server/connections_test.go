package server_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/servertest"
	"argserver/internal/settings"
)

const getRequest = "GET /args HTTP/1.1\r\nHost: a\r\n\r\n"

// stopSettings returns settings without and with TLS.
func stopSettings(t *testing.T) map[string]settings.Settings {
	cert, key := servertest.NewAuthority(t).Issue(t, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]settings.Settings{
		"":         {ShutdownTimeout: 8 * time.Second},
		"with TLS": {ShutdownTimeout: 8 * time.Second, TLS: &tls.Config{Certificates: []tls.Certificate{pair}}},
	}
}

// A connection without a request does not delay shutdown by more than 3 s, nor does it
// change the exit status, even if the shutdown timeout is shorter. Bytes that are no
// request make no difference.
func TestStopQuietConnections(t *testing.T) {
	for name, s := range stopSettings(t) {
		for _, c := range []struct {
			name string
			open func(t *testing.T, b *servertest.BubbleServer)
		}{
			{"none", func(t *testing.T, b *servertest.BubbleServer) {}},
			{"new", func(t *testing.T, b *servertest.BubbleServer) { b.Listener.Dial(t) }},
			{"ready for HTTP/1", func(t *testing.T, b *servertest.BubbleServer) { b.Dial(t, "http/1.1") }},
			{"ready for HTTP/2", func(t *testing.T, b *servertest.BubbleServer) { b.Dial(t, "h2") }},
			{"idle HTTP/1", func(t *testing.T, b *servertest.BubbleServer) { idle(t, b) }},
			{"empty line after a request", func(t *testing.T, b *servertest.BubbleServer) { io.WriteString(idle(t, b), "\r\n") }},
			{"byte on an idle connection", func(t *testing.T, b *servertest.BubbleServer) { io.WriteString(idle(t, b), "G") }},
			{"half a header on an idle connection", func(t *testing.T, b *servertest.BubbleServer) {
				io.WriteString(idle(t, b), getRequest[:20])
			}},
			{"half a header on a new connection", func(t *testing.T, b *servertest.BubbleServer) {
				io.WriteString(b.Dial(t), getRequest[:20])
			}},
			{"second request in the segment of the first", func(t *testing.T, b *servertest.BubbleServer) {
				conn := b.Dial(t)
				io.WriteString(conn, strings.Replace(getRequest, "/args", "/request?wait=5ms", 1)+getRequest)
				go io.Copy(io.Discard, conn)
			}},
			{"HTTP/2 without a request", func(t *testing.T, b *servertest.BubbleServer) {
				conn := b.Dial(t, "h2")
				go io.Copy(io.Discard, conn)
				io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			}},
			{"idle HTTP/2", func(t *testing.T, b *servertest.BubbleServer) { b.Get(t, b.Client(t), "/args") }},
			{"closed", func(t *testing.T, b *servertest.BubbleServer) { b.Dial(t).Close() }},
		} {
			for _, timeout := range []time.Duration{8 * time.Second, 10 * time.Millisecond} {
				t.Run(fmt.Sprint(c.name, " ", name, " ", timeout), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s.ShutdownTimeout = timeout
						b := servertest.ServeBubble(t, s)
						c.open(t, b)
						synctest.Wait()
						start := time.Now()
						b.Signals <- os.Interrupt
						if status := <-b.Exited; status != 0 {
							t.Errorf("exit status %d, want 0: %s", status, b.Log.String())
						}
						if took := time.Since(start); took > 3*time.Second {
							t.Errorf("shutdown took %v, want at most 3 s", took)
						}
					})
				})
			}
		}
	}
}

// idle returns an HTTP/1 connection after a request.
func idle(t *testing.T, b *servertest.BubbleServer) net.Conn {
	conn := b.Dial(t)
	servertest.ExchangeOn(t, conn, 0, "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
	go io.Copy(io.Discard, conn) // a kernel would
	return conn
}

// A request whose header has arrived is served within the shutdown timeout. On a new
// connection the header has a second for it, and the TLS handshake with it.
func TestStopArrivingRequests(t *testing.T) {
	for name, s := range stopSettings(t) {
		for _, c := range []struct {
			name string
			send func(t *testing.T, b *servertest.BubbleServer)
		}{
			{"header", func(t *testing.T, b *servertest.BubbleServer) {
				servertest.ExchangeOn(t, b.Dial(t), time.Second, "GET /args HTTP/1.1\r\n", "Host: a\r\n\r\n")
			}},
			{"body", func(t *testing.T, b *servertest.BubbleServer) {
				servertest.ExchangeOn(t, b.Dial(t), 3*time.Second, "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", "y")
			}},
			{"HTTP/2", func(t *testing.T, b *servertest.BubbleServer) { b.Get(t, b.Client(t), "/request?wait=3s") }},
			{"TLS handshake", func(t *testing.T, b *servertest.BubbleServer) {
				if !b.Secure {
					return
				}
				conn := b.Listener.Dial(t)
				secure := tls.Client(&slowConn{conn, 300 * time.Millisecond}, &tls.Config{InsecureSkipVerify: true})
				servertest.ExchangeOn(t, secure, 0, getRequest)
			}},
		} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := servertest.ServeBubble(t, s)
					var done sync.WaitGroup
					done.Go(func() { c.send(t, b) })
					time.Sleep(100 * time.Millisecond)
					b.Signals <- os.Interrupt
					done.Wait()
					if status := <-b.Exited; status != 0 {
						t.Errorf("exit status %d, want 0: %s", status, b.Log.String())
					}
				})
			})
		}
	}
}

// A slowConn writes its bytes in two halves, with a pause between them.
type slowConn struct {
	net.Conn
	pause time.Duration
}

func (c *slowConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b[:len(b)/2])
	if err != nil {
		return n, err
	}
	time.Sleep(c.pause)
	m, err := c.Conn.Write(b[n:])
	return n + m, err
}

// None of the requests that clients send during the drain is lost, nor one that arrives
// on a new connection within a second from its end.
func TestStopLosesNoRequest(t *testing.T) {
	const requests = 125 // in each of eight cases
	for name, s := range stopSettings(t) {
		for _, drain := range []time.Duration{0, 300 * time.Millisecond} {
			for _, http2 := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " drain ", drain, " HTTP/2 ", http2), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s.Drain = drain
						b := servertest.ServeBubble(t, s)
						start := time.Now()
						var clients sync.WaitGroup
						for i := range requests {
							isNew := drain == 0 || i%2 == 0
							within := drain
							if isNew {
								within += 900 * time.Millisecond
							}
							at := time.Duration(i) * within / requests
							if http2 {
								client := b.Client(t)
								if !isNew {
									b.Get(t, client, "/args")
								}
								clients.Go(func() {
									time.Sleep(at)
									b.Get(t, client, "/request?wait=10ms")
								})
								continue
							}
							conn := b.Dial(t)
							if !isNew {
								servertest.ExchangeOn(t, conn, 0, getRequest)
							}
							clients.Go(func() {
								time.Sleep(at)
								servertest.ExchangeOn(t, conn, 0, strings.Replace(getRequest, "/args", "/request?wait=10ms", 1))
							})
						}
						synctest.Wait()
						if time.Since(start) > 0 {
							t.Fatal("time has passed before shutdown")
						}
						b.Signals <- os.Interrupt
						clients.Wait()
						if status := <-b.Exited; status != 0 {
							t.Errorf("exit status %d, want 0: %s", status, b.Log.String())
						}
					})
				})
			}
		}
	}
}

// The bubbles above have no sockets, so one stop is tried on them: the requests are
// in the buffers of the kernel when it begins.
func TestStopOfSockets(t *testing.T) {
	server := servertest.Serve(t, nil)
	var conns []net.Conn
	for range 100 {
		conns = append(conns, servertest.Dial(t, server.Addr))
	}
	// The server accepts connections in order.
	servertest.ExchangeOn(t, servertest.Dial(t, server.Addr), 0, strings.Replace(getRequest, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	for _, conn := range conns {
		io.WriteString(conn, getRequest)
	}
	server.Signals <- os.Interrupt
	for _, conn := range conns {
		servertest.ExchangeOn(t, conn, 0)
	}
	server.WantExit(t, 0, "stopped on signal")
}
