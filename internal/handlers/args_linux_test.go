package handlers_test

import (
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"syscall"
	"testing"

	"argserver/internal/servertest"
)

// The server answers with the vector that the kernel holds, in every format, up to
// the longest argument and the longest vector that the kernel accepts.
func TestKernelLimits(t *testing.T) {
	binary := servertest.Build(t)
	// MAX_ARG_STRLEN includes the final NUL. It is 32 pages, here of 4 KiB.
	longest := strings.Repeat("x", 32*4096-1)
	accepted := func(arguments int) bool {
		cmd := binary.Command(repeated(arguments), "ARGSERVER_ADDR=127.0.0.1:0")
		if cmd.Start() != nil {
			return false
		}
		cmd.Process.Kill()
		cmd.Wait()
		return true
	}
	low, high := 0, 1<<16
	for accepted(high) {
		low, high = high, 2*high
	}
	// The smallest number of arguments that the kernel refuses.
	tooMany := low + sort.Search(high-low, func(n int) bool { return !accepted(low + n) })
	if err := binary.Command([]string{"/argserver", longest + "x"}).Start(); err == nil {
		t.Error("the kernel accepts a longer argument than the longest in this test")
	}
	for _, c := range []struct {
		name string
		argv []string
	}{
		{"longest argument", []string{"/argserver", longest}},
		{"longest vector", repeated(tooMany - 1)},
		{"hostile", vectors[8].argv},
		{"no argv", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := binary.Start(t, c.argv, "ARGSERVER_ADDR=127.0.0.1:0")
			cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			url := "http://" + p.Addr + "/args"
			if got := servertest.Fetch(t, "GET", url+"?format=nul").Body; got != string(cmdline) {
				t.Errorf("?format=nul returned %d bytes that differ from the %d of /proc/PID/cmdline", len(got), len(cmdline))
			}
			argv := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
			if got := servertest.Fetch(t, "GET", url).Body; got != fmt.Sprintln(argv) {
				t.Errorf("the text, %d bytes, differs", len(got))
			}
			wantJSON(t, servertest.Fetch(t, "GET", url+"?format=json").Body, argv)
			wantShell(t, [][]string{{"sh"}}, servertest.Fetch(t, "GET", url+"?format=shell").Body, argv)
			http.DefaultClient.CloseIdleConnections() // shutdown waits a second for one
			if status := p.Stop(syscall.SIGTERM); status != 0 {
				t.Errorf("exit status %d, want 0: %s", status, p.Log)
			}
		})
	}
}

// repeated returns a vector of the program name and n arguments.
func repeated(n int) []string {
	argv := make([]string, n+1)
	argv[0] = "/argserver"
	for i := range n {
		argv[i+1] = "x"
	}
	return argv
}
