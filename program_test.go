package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asProgram is the environment variable that makes the test binary run main.
const asProgram = "ARGSERVER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestProgram(t *testing.T) {
	argv := []string{"/argserver", "--help", "-version", "-test.v", "healthcheck", "--", "", "a b", "s3cret"}
	program := start(t, argv, "ARGSERVER_ADDR=127.0.0.1:0")
	if got, want := fetch(t, "GET", "http://"+program.addr+"/args").body,
		"[/argserver --help -version -test.v healthcheck --  a b s3cret]\n"; got != want {
		t.Errorf("GET /args = %q, want %q", got, want)
	}

	for _, argv0 := range []string{"healthcheck", "/healthcheck"} {
		status, log := exitStatus(t, command([]string{argv0, "--help"}, "ARGSERVER_ADDR="+program.addr))
		if status != 0 {
			t.Errorf("%s exits with %d, want 0: %s", argv0, status, log)
		}
	}

	status, log := exitStatus(t, command(argv, "ARGSERVER_ADDR="+program.addr))
	if status != 1 {
		t.Errorf("a second server on %s exits with %d, want 1: %s", program.addr, status, log)
	}
	program.Process.Kill()
	program.Wait()
	status, log = exitStatus(t, command([]string{"healthcheck"}, "ARGSERVER_ADDR="+program.addr))
	if status != 1 {
		t.Errorf("without a server healthcheck exits with %d, want 1: %s", status, log)
	}
	status, log = exitStatus(t, command(argv, "PORT=http"))
	if status != 2 {
		t.Errorf("with an invalid setting the server exits with %d, want 2: %s", status, log)
	}
	if all := program.log.String() + log; strings.Contains(all, "s3cret") {
		t.Errorf("the log shows an argument: %q", all)
	}
}

// A program is a process of the test binary that runs main.
type program struct {
	*exec.Cmd
	addr string           // that it listens on
	log  *strings.Builder // its standard error, complete after Wait
}

// command returns a command that runs the program with argv and with the settings
// added to this process's environment.
func command(argv []string, settings ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &exec.Cmd{Path: exe, Args: argv, Env: append(append(os.Environ(), asProgram+"=1"), settings...)}
}

// start starts the program and waits until it listens. The end of the test kills it.
func start(t *testing.T, argv []string, settings ...string) *program {
	t.Helper()
	p := &program{Cmd: command(argv, settings...), log: new(strings.Builder)}
	stderr, logged := io.Pipe()
	p.Stderr = io.MultiWriter(logged, p.log)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	log := bufio.NewReader(stderr)
	p.addr = listening(t, log)
	go io.Copy(io.Discard, log)
	return p
}

// exitStatus runs a command and returns its exit status and output.
func exitStatus(t *testing.T, cmd *exec.Cmd) (status int, output string) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
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
