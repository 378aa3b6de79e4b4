package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"argserver/internal/servertest"
)

func TestProgram(t *testing.T) {
	binary := servertest.Build(t)
	argv := []string{"/argserver", "--help", "-version", "-test.v", "healthcheck", "--", "", "a b", "s3cret"}
	program := binary.Start(t, argv, "ARGSERVER_ADDR=127.0.0.1:0")
	if got, want := servertest.Fetch(t, "GET", "http://"+program.Addr+"/args").Body,
		"[/argserver --help -version -test.v healthcheck --  a b s3cret]\n"; got != want {
		t.Errorf("GET /args = %q, want %q", got, want)
	}

	for _, argv0 := range []string{"healthcheck", "/healthcheck"} {
		status, log := servertest.ExitStatus(t, binary.Command([]string{argv0, "--help"}, "ARGSERVER_ADDR="+program.Addr))
		if status != 0 {
			t.Errorf("%s exits with %d, want 0: %s", argv0, status, log)
		}
	}

	status, log := servertest.ExitStatus(t, binary.Command(argv, "ARGSERVER_ADDR="+program.Addr))
	if status != 1 {
		t.Errorf("a second server on %s exits with %d, want 1: %s", program.Addr, status, log)
	}
	program.Process.Kill()
	program.Wait()
	status, log = servertest.ExitStatus(t, binary.Command([]string{"healthcheck"}, "ARGSERVER_ADDR="+program.Addr))
	if status != 1 {
		t.Errorf("without a server healthcheck exits with %d, want 1: %s", status, log)
	}
	status, log = servertest.ExitStatus(t, binary.Command(argv, "PORT=http"))
	if status != 2 {
		t.Errorf("with an invalid setting the server exits with %d, want 2: %s", status, log)
	}
	if all := program.Log.String() + log; strings.Contains(all, "s3cret") {
		t.Errorf("the log shows an argument: %q", all)
	}
}

func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows a process cannot send these signals to another one")
	}
	binary := servertest.Build(t)
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			p := binary.Start(t, []string{"/argserver"}, "ARGSERVER_ADDR=127.0.0.1:0")
			if status := p.Stop(signal); status != 0 {
				t.Errorf("exit status %d, want 0: %s", status, p.Log)
			}
			if lines := strings.Count(p.Log.String(), "\n"); lines != 2 {
				t.Errorf("logged %q, want one line at start and one at stop", p.Log)
			}
		})
	}
}
