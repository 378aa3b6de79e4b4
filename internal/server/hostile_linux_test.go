//go:build acceptance

package server_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"argserver/internal/memory"
	"argserver/internal/servertest"
)

// In a container of 128 MiB, whose soft limit is 96, no hostile client ends the server,
// nor do all of them one after the other. /healthz responds meanwhile. Half a minute
// after the last client is gone, the server is as it was before.
func TestMemoryOfHostileClients(t *testing.T) {
	const container, after = 128 << 10, 40 << 10 // kB
	argv := []string{"/argserver"}
	for range 16 {
		argv = append(argv, strings.Repeat("'", 120_000))
	}
	p := servertest.Build(t).Start(t, argv, "ARGSERVER_ADDR=127.0.0.1:0", "GOMEMLIMIT=96MiB")
	url := "http://" + p.Addr
	long := "A: " + strings.Repeat("x", 60_000) + "\r\n"
	tiny := new(strings.Builder) // 11,000 fields
	for i := range 11_000 {
		fmt.Fprintf(tiny, "%x:\n", i)
	}
	hold := 2 * time.Second
	for _, c := range []struct {
		name   string
		attack func(*testing.T)
	}{
		{"a page of an argument vector of which each byte is escaped", func(t *testing.T) {
			var clients sync.WaitGroup
			for range 8 {
				clients.Go(func() { servertest.Fetch(t, "GET", url+"/overview?format=html") })
			}
			clients.Wait()
		}},
		{"headers that HPACK compresses, to event streams", func(t *testing.T) { flood2(t, p.Addr, 60, 100, "/events", hold) }},
		{"headers that HPACK compresses, to requests that wait", func(t *testing.T) { flood2(t, p.Addr, 60, 100, "/request?wait=30s", hold) }},
		{"streams whose responses are not read", func(t *testing.T) { flood2(t, p.Addr, 100, 100, "/healthz", hold) }},
		{"half of a compressed header beside an open stream", func(t *testing.T) { flood2(t, p.Addr, 500, 1, "/events?interval=30s", hold) }},
		{"long headers, a wait and a reset", func(t *testing.T) {
			for range 2500 / 50 {
				flood1(t, p.Addr, 50, "GET /request?wait=30s HTTP/1.1\r\nHost: a\r\n"+long+"\r\n", 10*time.Millisecond)
			}
		}},
		{"a wait and a reset", func(t *testing.T) {
			for range 2500 / 50 {
				flood1(t, p.Addr, 50, "GET /request?wait=30s HTTP/1.1\r\nHost: a\r\n\r\n", 10*time.Millisecond)
			}
		}},
		{"half a long header", func(t *testing.T) { flood1(t, p.Addr, 1000, "GET / HTTP/1.1\r\nHost: a\r\n"+long, hold) }},
		{"half a header of many fields", func(t *testing.T) { flood1(t, p.Addr, 1000, "GET / HTTP/1.1\r\nHost: a\r\n"+tiny.String(), hold) }},
		{"half a short header", func(t *testing.T) { flood1(t, p.Addr, 1000, "GET / HTTP/1.1\r\n", hold) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			stop, stopped := make(chan struct{}), make(chan struct{})
			slowest := time.Duration(0)
			go func() {
				defer close(stopped)
				for failed := 0; ; {
					start := time.Now()
					request, _ := http.NewRequest("GET", url+"/healthz", nil)
					request.Close = true
					response, err := (&http.Client{Timeout: servertest.Patience}).Do(request)
					if err == nil {
						response.Body.Close()
					}
					// On a busy machine the connection may make room for those of the attack
					// before its request is read. Kubernetes acts on the third failure.
					if err == nil && response.StatusCode == 200 {
						failed = 0
					} else if failed++; failed == 3 {
						t.Errorf("/healthz failed three times: %v, want 200", err)
						return
					}
					slowest = max(slowest, time.Since(start))
					select {
					case <-stop:
						return
					case <-time.After(50 * time.Millisecond):
					}
				}
			}()
			c.attack(t)
			close(stop)
			<-stopped
			got := kB(t, p, "VmHWM:")
			t.Logf("used at most %d kB until now; /healthz took at most %v", got, slowest)
			if got > container {
				t.Errorf("used %d kB, want at most %d", got, container)
			}
		})
	}

	until := time.Now().Add(30 * time.Second)
	for kB(t, p, "VmRSS:") > after && time.Now().Before(until) {
		time.Sleep(time.Second)
	}
	time.Sleep(time.Until(until)) // for the requests that wait
	if got := kB(t, p, "VmRSS:"); got > after {
		t.Errorf("uses %d kB half a minute later, want at most %d", got, after)
	}
	body := strings.Repeat("x", memory.MaxBody)
	request, err := http.NewRequest("POST", url+"/request", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	if got := servertest.Do(t, http.DefaultClient, request); got.Status != 200 || !strings.HasSuffix(got.Body, body) {
		t.Errorf("a large body got %d and %d bytes, want it back", got.Status, len(got.Body))
	}
	p.Process.Signal(syscall.SIGQUIT)
	p.Wait()
	if log := p.Log.String(); !strings.Contains(log, "\ngoroutine ") || strings.Contains(log, "(*conn).serve") || strings.Contains(log, "internal/handlers") {
		t.Errorf("goroutines of the clients are left:\n%s", log)
	}
}

// kB returns a value of /proc/PID/status.
func kB(t *testing.T, p *servertest.Program, name string) (kB int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), name)
	if _, err := fmt.Sscan(after, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}

// flood1 opens connections, sends the same over each of them and resets them after a
// while. The server may have closed them before.
func flood1(t *testing.T, addr string, connections int, sent string, hold time.Duration) {
	var clients sync.WaitGroup
	for range connections {
		conn := servertest.Dial(t, addr)
		clients.Go(func() {
			io.WriteString(conn, sent)
			time.Sleep(hold)
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		})
	}
	clients.Wait()
}

// flood2 opens connections with streams over HTTP/2, each with a header of 59 kB for
// which it sends 1.8, and then half such a header. The window of the streams is 0.
func flood2(t *testing.T, addr string, connections, streams int, path string, hold time.Duration) {
	frame := func(b []byte, kind, flags byte, stream int, payload []byte) []byte {
		b = binary.BigEndian.AppendUint32(b, uint32(len(payload))<<8|uint32(kind))
		return append(binary.BigEndian.AppendUint32(append(b, flags), uint32(stream)), payload...)
	}
	sent := frame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 4, 0, 0, []byte{0, 4, 0, 0, 0, 0})
	for i := range streams + 1 {
		// GET, http, the path, the authority, the field "a" for the table, and then its index.
		header := append([]byte{0x82, 0x86, 0x04, byte(len(path))}, path+"\x01\x01a"...)
		if i == 0 {
			header = append(header, 0x40, 1, 'a', 0)
		}
		header = append(header, bytes.Repeat([]byte{0xbe}, 1800)...)
		flags := byte(5) // the end of the header and the stream
		if i == streams {
			flags = 1
		}
		sent = frame(sent, 1, flags, 2*i+1, header)
	}
	var clients sync.WaitGroup
	for range connections {
		conn := servertest.Dial(t, addr)
		clients.Go(func() {
			conn.Write(sent)
			time.Sleep(hold)
			conn.Close()
		})
	}
	clients.Wait()
}
