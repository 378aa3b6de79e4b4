package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A bubbleServer is a call of serveOn in a synctest bubble. Its connections are in
// memory.
type bubbleServer struct {
	listener pipeListener
	secure   bool
	signals  chan os.Signal
	log      lockedBuffer
	exited   chan int
}

func serveBubble(t *testing.T, s settings) *bubbleServer {
	b := &bubbleServer{listener: newPipeListener(), secure: s.tls != nil, signals: make(chan os.Signal, 2), exited: make(chan int, 1)}
	if s.tls != nil {
		s.tls = s.tls.Clone()
	}
	go func() {
		b.exited <- serveOn(b.listener, s, []string{"/argserver"}, nil, b.signals, io.Discard, log.New(&b.log, "", 0))
	}()
	return b
}

// dial opens a connection. With TLS it shakes hands, and offers the protocols.
func (b *bubbleServer) dial(t *testing.T, protocols ...string) net.Conn {
	conn := b.listener.dial(t)
	if !b.secure {
		return conn
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err := secure.Handshake(); err != nil {
		t.Error(err)
	}
	return secure
}

// client returns an HTTP/2 client of one connection, which is open already.
func (b *bubbleServer) client(t *testing.T) *http.Client {
	conn := b.dial(t, "h2")
	var protocols http.Protocols
	protocols.SetHTTP2(b.secure)
	protocols.SetUnencryptedHTTP2(!b.secure)
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

// get sends a request over HTTP/2.
func (b *bubbleServer) get(t *testing.T, client *http.Client, path string) {
	scheme := "http"
	if b.secure {
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

// exchangeOn sends a request over HTTP/1 in parts, with a pause between them.
func exchangeOn(t *testing.T, conn net.Conn, pause time.Duration, parts ...string) {
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

const getRequest = "GET /args HTTP/1.1\r\nHost: a\r\n\r\n"

// stopSettings returns settings without and with TLS.
func stopSettings(t *testing.T) map[string]settings {
	cert, key := newAuthority(t).issue(t, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]settings{
		"":         {shutdownTimeout: 8 * time.Second},
		"with TLS": {shutdownTimeout: 8 * time.Second, tls: &tls.Config{Certificates: []tls.Certificate{pair}}},
	}
}

// A connection without a request does not delay the stop by more than 1.5 s, nor does
// it change the exit status, even if the shutdown timeout is shorter.
func TestStopQuietConnections(t *testing.T) {
	for name, s := range stopSettings(t) {
		for _, c := range []struct {
			name string
			open func(t *testing.T, b *bubbleServer)
		}{
			{"none", func(t *testing.T, b *bubbleServer) {}},
			{"new", func(t *testing.T, b *bubbleServer) { b.listener.dial(t) }},
			{"ready for HTTP/1", func(t *testing.T, b *bubbleServer) { b.dial(t, "http/1.1") }},
			{"ready for HTTP/2", func(t *testing.T, b *bubbleServer) { b.dial(t, "h2") }},
			{"idle HTTP/1", func(t *testing.T, b *bubbleServer) { exchangeOn(t, b.dial(t), 0, getRequest) }},
			{"HTTP/2 without a request", func(t *testing.T, b *bubbleServer) {
				conn := b.dial(t, "h2")
				go io.Copy(io.Discard, conn)
				io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			}},
			{"idle HTTP/2", func(t *testing.T, b *bubbleServer) { b.get(t, b.client(t), "/args") }},
			{"closed", func(t *testing.T, b *bubbleServer) { b.dial(t).Close() }},
		} {
			for _, timeout := range []time.Duration{8 * time.Second, 10 * time.Millisecond} {
				t.Run(fmt.Sprint(c.name, " ", name, " ", timeout), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s.shutdownTimeout = timeout
						b := serveBubble(t, s)
						c.open(t, b)
						synctest.Wait()
						start := time.Now()
						b.signals <- os.Interrupt
						if status := <-b.exited; status != 0 {
							t.Errorf("exit status %d, want 0: %s", status, b.log.String())
						}
						if took := time.Since(start); took > 1500*time.Millisecond {
							t.Errorf("the stop took %v, want at most 1.5 s", took)
						}
					})
				})
			}
		}
	}
}

// A request that has begun to arrive is served within the shutdown timeout, and so is
// one whose TLS handshake has begun.
func TestStopArrivingRequests(t *testing.T) {
	for name, s := range stopSettings(t) {
		for _, c := range []struct {
			name string
			send func(t *testing.T, b *bubbleServer)
		}{
			{"header", func(t *testing.T, b *bubbleServer) {
				exchangeOn(t, b.dial(t), 3*time.Second, "GET /args HTTP/1.1\r\n", "Host: a\r\n\r\n")
			}},
			{"header of a second request", func(t *testing.T, b *bubbleServer) {
				conn := b.dial(t)
				exchangeOn(t, conn, 0, getRequest)
				exchangeOn(t, conn, 3*time.Second, "GET /args HTTP/1.1\r\n", "Host: a\r\n\r\n")
			}},
			{"body", func(t *testing.T, b *bubbleServer) {
				exchangeOn(t, b.dial(t), 3*time.Second, "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", "y")
			}},
			{"HTTP/2", func(t *testing.T, b *bubbleServer) { b.get(t, b.client(t), "/request?wait=3s") }},
			{"TLS handshake", func(t *testing.T, b *bubbleServer) {
				if !b.secure {
					return
				}
				conn := b.listener.dial(t)
				secure := tls.Client(&slowConn{conn, 1500 * time.Millisecond}, &tls.Config{InsecureSkipVerify: true})
				exchangeOn(t, secure, 0, getRequest)
			}},
		} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := serveBubble(t, s)
					var done sync.WaitGroup
					done.Go(func() { c.send(t, b) })
					time.Sleep(100 * time.Millisecond)
					b.signals <- os.Interrupt
					done.Wait()
					if status := <-b.exited; status != 0 {
						t.Errorf("exit status %d, want 0: %s", status, b.log.String())
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

// None of 1,000 requests that clients send during the stop is lost: each has a
// connection that the server has accepted, new or idle.
func TestStopLosesNoRequest(t *testing.T) {
	const requests = 125 // in each of eight cases
	for name, s := range stopSettings(t) {
		for _, drain := range []time.Duration{0, 300 * time.Millisecond} {
			for _, http2 := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " drain ", drain, " HTTP/2 ", http2), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s.drain = drain
						b := serveBubble(t, s)
						start := time.Now()
						var clients sync.WaitGroup
						for i := range requests {
							// All of them send within a second from the end of the drain.
							at := time.Duration(i) * (drain + 900*time.Millisecond) / requests
							if http2 {
								client := b.client(t)
								if i%2 == 0 {
									b.get(t, client, "/args")
								}
								clients.Go(func() {
									time.Sleep(at)
									b.get(t, client, "/request?wait=10ms")
								})
								continue
							}
							conn := b.dial(t)
							if i%2 == 0 {
								exchangeOn(t, conn, 0, getRequest)
							}
							clients.Go(func() {
								time.Sleep(at)
								exchangeOn(t, conn, 0, strings.Replace(getRequest, "/args", "/request?wait=10ms", 1))
							})
						}
						synctest.Wait()
						if time.Since(start) > 0 {
							t.Fatal("time has passed before the stop")
						}
						b.signals <- os.Interrupt
						clients.Wait()
						if status := <-b.exited; status != 0 {
							t.Errorf("exit status %d, want 0: %s", status, b.log.String())
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
	server := serveTest(t, nil)
	var conns []net.Conn
	for range 100 {
		conns = append(conns, dial(t, server.addr))
	}
	// The server accepts connections in order.
	exchangeOn(t, dial(t, server.addr), 0, strings.Replace(getRequest, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	for _, conn := range conns {
		io.WriteString(conn, getRequest)
	}
	server.signals <- os.Interrupt
	for _, conn := range conns {
		exchangeOn(t, conn, 0)
	}
	server.wantExit(t, 0, "stopped on signal")
}
