package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// What the kernel took is what is served, in every format, up to the longest
// argument and the longest vector that it takes.
func TestKernelLimits(t *testing.T) {
	// MAX_ARG_STRLEN, with the NUL at its end, on machines with pages of 4 KiB.
	longest := strings.Repeat("x", 32*4096-1)
	many := 0
	for low, high := 1, 4<<20; low < high; many = low { // the first number too many
		middle := (low + high) / 2
		cmd := command(repeated(middle), "ARGSERVER_ADDR=127.0.0.1:0")
		err := cmd.Start()
		if err == nil {
			cmd.Process.Kill()
			cmd.Wait()
			low = middle + 1
		} else {
			high = middle
		}
	}
	if err := command([]string{"/argserver", longest + "x"}).Start(); err == nil {
		t.Error("the kernel takes a longer argument than the longest tried here")
	}
	for _, c := range []struct {
		name string
		argv []string
	}{
		{"longest argument", []string{"/argserver", longest}},
		{"longest vector", repeated(many - 1)},
		{"hostile", vectors[8].argv},
		{"no argv", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, c.argv, "ARGSERVER_ADDR=127.0.0.1:0")
			cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			url := "http://" + p.addr + "/args"
			if got := fetch(t, "GET", url+"?format=nul").body; got != string(cmdline) {
				t.Errorf("nul: %d bytes, which differ from the %d of /proc/PID/cmdline", len(got), len(cmdline))
			}
			argv := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
			if got := fetch(t, "GET", url).body; got != fmt.Sprintln(argv) {
				t.Errorf("text: %d bytes that differ", len(got))
			}
			wantJSON(t, fetch(t, "GET", url+"?format=json").body, argv)
			wantShell(t, fetch(t, "GET", url+"?format=shell").body, argv)
			if status := p.stop(syscall.SIGTERM); status != 0 {
				t.Errorf("exit status %d, want 0: %s", status, p.log)
			}
		})
	}
}

// repeated is a vector of n arguments after its name.
func repeated(n int) []string {
	argv := make([]string, n+1)
	argv[0] = "/argserver"
	for i := range n {
		argv[i+1] = "x"
	}
	return argv
}
