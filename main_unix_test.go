//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Windows has no signal that one process could send another.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		signal os.Signal
		status int
	}{
		{syscall.SIGTERM, 0},
		{syscall.SIGINT, 0},
	} {
		t.Run(fmt.Sprint(c.signal), func(t *testing.T) {
			p := start(t, []string{"/argserver"}, "ARGSERVER_ADDR=127.0.0.1:0")
			p.Process.Signal(c.signal)
			p.Wait()
			if status := p.ProcessState.ExitCode(); status != c.status {
				t.Errorf("exit status %d, want %d: %s", status, c.status, p.log)
			}
			if lines := strings.Count(p.log.String(), "\n"); lines != 2 {
				t.Errorf("logged %q, want a line at start and a line at stop", p.log)
			}
		})
	}
}
