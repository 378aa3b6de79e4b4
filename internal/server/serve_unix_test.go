//go:build unix

package server_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/internal/servertest"
)

// A signal ends the program while it waits for a file.
func TestSignalBeforeListening(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := servertest.Build(t).Command([]string{"/argserver"}, "ARGSERVER_TLS_CERT="+fifo, "ARGSERVER_TLS_KEY="+fifo)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(servertest.Patience, func() { p.Process.Kill() })
	defer timer.Stop()
	writer, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns once the program reads it
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	p.Process.Signal(syscall.SIGTERM)
	p.Wait()
	if got := p.ProcessState.Sys().(syscall.WaitStatus); !got.Signaled() || got.Signal() != syscall.SIGTERM {
		t.Errorf("the program ends with %v, want the signal", p.ProcessState)
	}
}

// Only where the address is the trouble is there a hint to change it.
func TestTooManyOpenFiles(t *testing.T) {
	p := servertest.Build(t).Command([]string{"sh", "-c", `ulimit -n 5; exec "$0"`}, "ARGSERVER_ADDR=127.0.0.1:0")
	p.Args, p.Path = append(p.Args, p.Path), "/bin/sh"
	status, log := servertest.ExitStatus(t, p)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	servertest.WantOneLine(t, log, "too many open files")
	if strings.Contains(log, "ARGSERVER_ADDR") {
		t.Errorf("logged %q, want no hint", log)
	}
}

// A key that only its owner can read is a common mistake in a container, so the error
// tells which user the server is.
func TestUnreadableKey(t *testing.T) {
	key := filepath.Join(t.TempDir(), "tls.key")
	if err := os.WriteFile(key, nil, 0o000); err != nil {
		t.Fatal(err)
	}
	cmd := servertest.Build(t).Command([]string{"/argserver"}, "ARGSERVER_TLS_CERT="+key, "ARGSERVER_TLS_KEY="+key)
	user := os.Getuid()
	if user == 0 { // who may read every file
		user = 65532
		os.Chmod(filepath.Dir(filepath.Dir(cmd.Path)), 0o755)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	status, log := servertest.ExitStatus(t, cmd)
	servertest.WantOneLine(t, log, "permission denied for user "+strconv.Itoa(user))
	if status != 2 {
		t.Errorf("exit status %d, want 2", status)
	}
}
