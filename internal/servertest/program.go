package servertest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Binary is the path of the program.
type Binary string

// Build builds the program, without symbols because that takes half the time.
func Build(t *testing.T) Binary {
	t.Helper()
	path := filepath.Join(t.TempDir(), "argserver.exe")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "argserver").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return Binary(path)
}

// Command returns a command that runs the program with argv and with the settings
// added to this process's environment.
func (b Binary) Command(argv []string, settings ...string) *exec.Cmd {
	return &exec.Cmd{Path: string(b), Args: argv, Env: append(os.Environ(), settings...)}
}

// A Program is a process of the program.
type Program struct {
	*exec.Cmd
	Addr string           // that it listens on
	Log  *strings.Builder // its standard error, complete after Wait
}

// Start starts the program and waits until it listens. The end of the test kills it.
func (b Binary) Start(t *testing.T, argv []string, settings ...string) *Program {
	t.Helper()
	p := &Program{Cmd: b.Command(argv, settings...), Log: new(strings.Builder)}
	stderr, logged := io.Pipe()
	p.Stderr = io.MultiWriter(logged, p.Log)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	log := bufio.NewReader(stderr)
	p.Addr = listening(t, log)
	go io.Copy(io.Discard, log)
	return p
}

// ExitStatus runs a command and returns its exit status and output.
func ExitStatus(t *testing.T, cmd *exec.Cmd) (status int, output string) {
	t.Helper()
	timer := time.AfterFunc(Patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// listening reads the first line of the server's log and returns the address in it.
func listening(t *testing.T, log *bufio.Reader) string {
	t.Helper()
	line, err := log.ReadString('\n')
	_, addr, ok := strings.Cut(strings.TrimSpace(line), " listening on ")
	if err != nil || !ok {
		t.Fatalf("the log starts with %q (%v), want the address that the server listens on", line, err)
	}
	return addr
}

// Stop sends a signal to the program and returns its exit status.
func (p *Program) Stop(signal os.Signal) int {
	p.Process.Signal(signal)
	p.Wait()
	return p.ProcessState.ExitCode()
}
