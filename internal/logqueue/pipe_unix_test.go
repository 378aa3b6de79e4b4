//go:build unix

package logqueue_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/internal/servertest"
)

func TestPipes(t *testing.T) {
	binary := servertest.Build(t)
	t.Run("broken", func(t *testing.T) { testBrokenPipe(t, binary) })
	t.Run("full standard output", func(t *testing.T) { testFullOutput(t, binary) })
	t.Run("full standard error", func(t *testing.T) { testFullError(t, binary) })
}

// Nobody reads standard output and standard error any more. The server goes on, and the
// health check reports whether it does.
func testBrokenPipe(t *testing.T, binary servertest.Binary) {
	p := startPiped(t, binary, "ARGSERVER_ACCESS_LOG=1")
	p.stdout.Close()
	p.stderr.Close()
	for range 3 { // each logs a line
		if got := servertest.Fetch(t, "GET", "http://"+p.addr+"/healthz").Status; got != 200 {
			t.Errorf("/healthz answered %d, want 200", got)
		}
	}
	for addr, want := range map[string]int{p.addr: 0, "127.0.0.1:1": 1} {
		check := binary.Command([]string{"healthcheck"}, "ARGSERVER_ADDR="+addr)
		reader, writer := pipe(t)
		reader.Close()
		check.Stderr = writer
		check.Run()
		if got := check.ProcessState.ExitCode(); got != want {
			t.Errorf("the health check of %s exits with %d (%v), want %d", addr, got, check.ProcessState, want)
		}
	}
	p.Process.Signal(syscall.SIGTERM)
	p.Wait()
	if !p.ProcessState.Success() {
		t.Errorf("the server ends with %v, want exit status 0", p.ProcessState)
	}
}

// Nobody reads standard output until all requests are served. Then standard error tells
// how many lines are missing.
func testFullOutput(t *testing.T, binary servertest.Binary) {
	const requests = 600
	p := startPiped(t, binary, "ARGSERVER_ACCESS_LOG=1")
	path := "/" + strings.Repeat("x", 1000)
	for range requests {
		servertest.Fetch(t, "GET", "http://"+p.addr+path)
	}
	reported := bufio.NewReader(p.stderr)
	lines := make(chan int)
	go func() {
		log, _ := io.ReadAll(p.stdout)
		lines <- strings.Count(string(log), "\n")
	}()
	var dropped int
	report, err := reported.ReadString('\n')
	if _, scan := fmt.Sscanf(report, "argserver: %d lines of the access log dropped", &dropped); err != nil || scan != nil {
		t.Errorf("logged %q (%v), want how many lines are dropped", report, err)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.Wait()
	if got := <-lines; got+dropped != requests || dropped == 0 {
		t.Errorf("%d lines are logged and %d dropped of %d", got, dropped, requests)
	}
	if !p.ProcessState.Success() {
		t.Errorf("the server ends with %v, want exit status 0", p.ProcessState)
	}
}

// Nobody reads standard error, and the server stops all the same.
func testFullError(t *testing.T, binary servertest.Binary) {
	cert, key := servertest.NewAuthority(t).Issue(t, "127.0.0.1")
	p := startPiped(t, binary, "ARGSERVER_TLS_CERT="+cert, "ARGSERVER_TLS_KEY="+key)
	long := make([]string, 100)
	for i := range long {
		long[i] = strings.Repeat("x", 255)
	}
	for range 40 { // each logs 16 KiB
		conn, err := tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: long})
		if err == nil {
			conn.Close()
			t.Fatal("the server speaks an unknown protocol")
		}
	}
	p.Process.Signal(syscall.SIGTERM)
	p.Wait()
	if !p.ProcessState.Success() {
		t.Errorf("the server ends with %v, want exit status 0", p.ProcessState)
	}
}

// A pipedProgram writes its logs to pipes.
type pipedProgram struct {
	*exec.Cmd
	addr           string
	stdout, stderr *os.File
}

// startPiped starts a server and reads its first line.
func startPiped(t *testing.T, binary servertest.Binary, settings ...string) *pipedProgram {
	t.Helper()
	p := &pipedProgram{Cmd: binary.Command([]string{"/argserver"}, append(settings, "ARGSERVER_ADDR=127.0.0.1:0")...)}
	var stdout, stderr *os.File
	p.stdout, stdout = pipe(t)
	p.stderr, stderr = pipe(t)
	p.Stdout, p.Stderr = stdout, stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	stderr.Close()
	timer := time.AfterFunc(servertest.Patience, func() { p.Process.Kill() })
	t.Cleanup(func() {
		timer.Stop()
		p.Process.Kill()
		p.Wait()
	})
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; line = append(line, b...) {
		if _, err := p.stderr.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	_, p.addr, _ = strings.Cut(strings.TrimSpace(string(line)), " listening on ")
	return p
}

func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		reader.Close()
		writer.Close()
	})
	return reader, writer
}
