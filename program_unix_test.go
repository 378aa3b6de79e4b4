//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// On Windows a process cannot send these signals to another one.
func TestSignals(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			p := start(t, []string{"/argserver"}, "ARGSERVER_ADDR=127.0.0.1:0")
			if status := p.stop(signal); status != 0 {
				t.Errorf("exit status %d, want 0: %s", status, p.log)
			}
			if lines := strings.Count(p.log.String(), "\n"); lines != 2 {
				t.Errorf("logged %q, want one line at start and one at stop", p.log)
			}
		})
	}
}

// stop sends a signal to the program and returns its exit status.
func (p *program) stop(signal os.Signal) int {
	p.Process.Signal(signal)
	p.Wait()
	return p.ProcessState.ExitCode()
}
