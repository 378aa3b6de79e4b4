package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestInvalidSettings(t *testing.T) {
	for _, c := range invalidSettings(t) {
		t.Run(strings.Join(c.environ, " "), func(t *testing.T) {
			var log strings.Builder
			if status := serve(nil, c.environ, nil, nil, &log); status != 2 {
				t.Errorf("the server exits with %d, want 2", status)
			}
			wantOneLine(t, log.String(), c.says...)

			log.Reset()
			if status := probe(c.environ, net.DialTimeout, &log); status != 1 {
				t.Errorf("the probe exits with %d, want 1", status)
			}
			wantOneLine(t, log.String(), c.says...)
		})
	}
}

func TestInvalidFiles(t *testing.T) {
	for _, c := range invalidFiles(t) {
		t.Run(strings.Join(c.environ, " "), func(t *testing.T) {
			var log strings.Builder
			if status := serve(nil, c.environ, nil, nil, &log); status != 2 {
				t.Errorf("the server exits with %d, want 2", status)
			}
			wantOneLine(t, log.String(), c.says...)
		})
	}
}

func TestAddressInUse(t *testing.T) {
	listener := listen(t)
	var log strings.Builder
	if status := serve(nil, []string{"ARGSERVER_ADDR=" + listener.Addr().String()}, nil, nil, &log); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	wantOneLine(t, log.String(), listener.Addr().String(), "ARGSERVER_ADDR or PORT")
}

// A testServer is a call of serve in this process.
type testServer struct {
	addr, url string
	signals   chan os.Signal
	log       *bufio.Reader // what follows its first line
	exited    chan int
}

func serveTest(t *testing.T, argv []string, environ ...string) *testServer {
	t.Helper()
	return serveTestTo(t, io.Discard, argv, environ...)
}

// serveTestTo serves on a free port until the test ends. The access log goes to
// stdout.
func serveTestTo(t *testing.T, stdout io.Writer, argv []string, environ ...string) *testServer {
	t.Helper()
	stderr, logged := io.Pipe()
	s := &testServer{signals: make(chan os.Signal, 2), log: bufio.NewReader(stderr), exited: make(chan int, 1)}
	go func() {
		s.exited <- serve(argv, append([]string{"ARGSERVER_ADDR=127.0.0.1:0"}, environ...), s.signals, stdout, logged)
		logged.Close()
	}()
	s.addr = listening(t, s.log)
	s.url = "http://" + s.addr
	t.Cleanup(func() {
		for range 2 {
			select {
			case s.signals <- os.Interrupt:
			default:
			}
		}
		io.Copy(io.Discard, s.log)
	})
	return s
}

// wantExit waits until the server exits and checks its exit status and last line.
func (s *testServer) wantExit(t *testing.T, status int, says string) {
	t.Helper()
	last, _ := io.ReadAll(s.log)
	wantOneLine(t, string(last), says)
	if got := <-s.exited; got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
}

// lockedBuffer is a buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer.Reset()
}

func wantOneLine(t *testing.T, log string, says ...string) {
	t.Helper()
	if strings.Count(log, "\n") != 1 || !strings.HasSuffix(log, "\n") {
		t.Errorf("logged %q, want one line", log)
	}
	for _, part := range says {
		if !strings.Contains(log, part) {
			t.Errorf("logged %q, want it to say %q", log, part)
		}
	}
}
