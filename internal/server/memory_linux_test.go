//go:build acceptance

package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argserver/internal/memory"
	"argserver/internal/server"
	"argserver/internal/servertest"
)

// maxMemory is the most memory, in kB, that the server may ever have used: three
// quarters of the limit in the examples.
const maxMemory = 96 << 10

// Clients that send many large bodies at once do not make the server use more than
// maxMemory, whether they read the answers or not, and it stays healthy.
func TestMemory(t *testing.T) {
	binary := servertest.Build(t)
	cert, key := servertest.NewAuthority(t).Issue(t, "127.0.0.1")
	for _, secure := range []bool{false, true} {
		for _, c := range []struct {
			name                 string
			connections, streams int
			reads                bool
		}{
			{"all streams of one connection", 1, server.MaxStreams, true},
			{"many connections", 100, 4, true},
			{"many connections that do not read", 100, 4, false},
		} {
			t.Run(fmt.Sprintf("%s, TLS %v", c.name, secure), func(t *testing.T) {
				t.Parallel()
				environ := []string{"ARGSERVER_ADDR=127.0.0.1:0", "ARGSERVER_ACCESS_LOG=1"}
				if secure {
					environ = append(environ, "ARGSERVER_TLS_CERT="+cert, "ARGSERVER_TLS_KEY="+key)
				}
				p := binary.Start(t, []string{"/argserver"}, environ...)
				f := flood{p: p, secure: secure, reads: c.reads, ctx: t.Context()}
				f.send(t, c.connections, c.streams)
				if got := kB(t, p, "VmHWM:"); got > maxMemory {
					t.Errorf("used %d kB, want at most %d", got, maxMemory)
				} else {
					t.Logf("used %d kB: answered %d with 200, %d with 503, %d with 408", got, f.answered.Load(), f.refused.Load(), f.late.Load())
				}
				if f.answered.Load() == 0 && c.reads {
					t.Error("no request was answered")
				}
			})
		}
	}
}

// A flood sends the same large body with many requests over HTTP/2.
type flood struct {
	p      *servertest.Program
	secure bool
	reads  bool // clients read the answers
	ctx    context.Context

	sent, answered, refused, late atomic.Int64
}

// send returns once every request got an answer. If clients do not read, it returns
// once the server had time to fill all buffers.
func (f *flood) send(t *testing.T, connections, streams int) {
	ctx, cancel := context.WithTimeout(f.ctx, servertest.Patience)
	defer cancel()
	var done sync.WaitGroup
	deaf := make(chan struct{})
	for range connections {
		client := f.client(t, deaf)
		done.Go(func() {
			f.healthy(t, client) // opens the connection, which streams would race to do
			for range streams {
				done.Go(func() { f.request(ctx, t, client) })
			}
		})
	}
	other := f.client(t, make(chan struct{}))
	waited := make(chan struct{})
	go func() {
		done.Wait()
		close(waited)
	}()
	for until := time.Now().Add(4 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		f.healthy(t, other)
		select {
		case <-waited:
			return
		default:
		}
		if !f.reads && f.sent.Load() == int64(connections*streams) {
			select {
			case <-deaf:
				if time.Now().After(until) {
					cancel()
					done.Wait()
					return
				}
			default:
				close(deaf)
			}
		}
	}
}

func (f *flood) url(path string) string {
	if f.secure {
		return "https://" + f.p.Addr + path
	}
	return "http://" + f.p.Addr + path
}

func (f *flood) healthy(t *testing.T, client *http.Client) {
	response, err := client.Get(f.url("/healthz"))
	if err != nil {
		t.Error(err)
		return
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("/healthz answered %s, want 200", response.Status)
	}
}

func (f *flood) request(ctx context.Context, t *testing.T, client *http.Client) {
	sent := sync.OnceFunc(func() { f.sent.Add(1) })
	defer sent()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent() }})
	request, err := http.NewRequestWithContext(ctx, "POST", f.url("/request?wait=3s&format=json"), strings.NewReader(largestBody))
	if err != nil {
		t.Error(err)
		return
	}
	response, err := client.Do(request)
	if err != nil {
		if f.reads {
			t.Error(err)
		}
		return
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case 200:
		f.answered.Add(1)
	case 503:
		f.refused.Add(1)
	case 408: // on a busy machine an upload can take longer than the server allows
		f.late.Add(1)
	default:
		t.Errorf("got %s", response.Status)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil && f.reads {
		t.Error(err)
	}
}

var largestBody = strings.Repeat("x", memory.MaxBody)

// client returns a client of one connection, which reads until deaf is closed if
// that is never to happen.
func (f *flood) client(t *testing.T, deaf <-chan struct{}) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(f.secure)
	protocols.SetUnencryptedHTTP2(!f.secure)
	var dialer net.Dialer
	transport := &http.Transport{
		Protocols:       &protocols,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		HTTP2:           &http.HTTP2Config{StrictMaxConcurrentRequests: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if !f.reads {
				conn.(*net.TCPConn).SetReadBuffer(4096)
			}
			return &deafConn{conn, deaf, f.ctx}, nil
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: servertest.Patience}
}

// A deafConn reads until deaf is closed, and then nothing until the test ends.
type deafConn struct {
	net.Conn
	deaf <-chan struct{}
	ctx  context.Context
}

func (c *deafConn) Read(b []byte) (int, error) {
	select {
	case <-c.deaf:
		<-c.ctx.Done()
		return 0, io.EOF
	default:
		return c.Conn.Read(b)
	}
}
