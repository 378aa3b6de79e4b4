// Package servertest starts servers, clients and connections for tests.
package servertest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"argserver/internal/server"
)

// A testServer is a call of serve in this process.
type testServer struct {
	Addr, URL string
	Signals   chan os.Signal
	log       *bufio.Reader // what follows its first line
	exited    chan int
}

func Serve(t *testing.T, argv []string, environ ...string) *testServer {
	t.Helper()
	return ServeTo(t, io.Discard, argv, environ...)
}

// ServeTo serves on a free port until the test ends. The access log goes to
// stdout.
func ServeTo(t *testing.T, stdout io.Writer, argv []string, environ ...string) *testServer {
	t.Helper()
	stderr, logged := io.Pipe()
	s := &testServer{Signals: make(chan os.Signal, 2), log: bufio.NewReader(stderr), exited: make(chan int, 1)}
	go func() {
		s.exited <- server.Serve(argv, append([]string{"ARGSERVER_ADDR=127.0.0.1:0"}, environ...), func() <-chan os.Signal { return s.Signals }, stdout, logged)
		logged.Close()
	}()
	s.Addr = listening(t, s.log)
	s.URL = "http://" + s.Addr
	t.Cleanup(func() {
		for range 2 {
			select {
			case s.Signals <- os.Interrupt:
			default:
			}
		}
		io.Copy(io.Discard, s.log)
	})
	return s
}

// WantExit waits until the server exits and checks its exit status and last line.
func (s *testServer) WantExit(t *testing.T, status int, says string) {
	t.Helper()
	last, _ := io.ReadAll(s.log)
	WantOneLine(t, string(last), says)
	if got := <-s.exited; got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
}

// LockedBuffer is a buffer that is safe for concurrent use.
type LockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *LockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *LockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (b *LockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer.Reset()
}

func WantOneLine(t *testing.T, log string, says ...string) {
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
