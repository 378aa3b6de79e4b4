package smoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"argserver/release/build"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Binary runs the binary for a platform, under QEMU if the machine has another
// platform.
func (t *Test) Binary(ctx context.Context, log io.Writer, path string, p v1.Platform, m build.Metadata) error {
	if err := os.Chmod(path, 0o755); err != nil {
		return err
	}
	v, lossy := values(p, m), p.OS == "windows"
	var problems []error
	for _, c := range t.Commands {
		problems = append(problems, twice(ctx, log, func(ctx context.Context) error {
			var output, log strings.Builder
			cmd := prepare(ctx, path, c.Arguments)
			cmd.Stdout, cmd.Stderr = &output, &log
			if err := cmd.Run(); cmd.ProcessState == nil || ctx.Err() != nil {
				return fmt.Errorf("arguments %q: %w", c.Arguments, err)
			}
			return c.check(output.String(), log.String(), cmd.ProcessState.ExitCode(), v, lossy)
		}))
	}
	if s := t.Server; s != nil {
		problems = append(problems, twice(ctx, log, func(ctx context.Context) error {
			process, err := Start(ctx, path, s.Listening, s.Arguments, s.Environment...)
			if err != nil {
				return err
			}
			return errors.Join(s.ask(ctx, process.Address, v, lossy), process.Stop(int(s.Status)))
		}))
	}
	return errors.Join(problems...)
}

// prepare returns a command that gets no environment but what is given.
func prepare(ctx context.Context, path string, arguments []string, environ ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, arguments...)
	cmd.Env = append([]string{}, environ...)
	cmd.WaitDelay = time.Second
	return cmd
}

// A Process is a running server.
type Process struct {
	Address string // host and port it listens on
	cmd     *exec.Cmd
	log     *log
	ended   chan struct{}
}

// Start runs a server and waits until its log, which is all that it writes, has an
// address after the text listening.
func Start(ctx context.Context, path, listening string, arguments []string, environ ...string) (*Process, error) {
	pattern := regexp.MustCompile(regexp.QuoteMeta(listening) + `((?:\[[\w:.%]+\]|[\w.-]+):\d+)\D`)
	p := &Process{cmd: prepare(ctx, path, arguments, environ...), log: &log{pattern: pattern, found: make(chan string, 1)}, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case p.Address = <-p.log.found:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("it did not start: %v, and no address after %q; it logged %q", p.cmd.ProcessState, listening, p.log)
	}
}

// Stop asks the server to stop and reports another exit status than the wanted one.
// Windows has no signal to ask with, so Stop kills the server there.
func (p *Process) Stop(want int) error {
	if runtime.GOOS == "windows" {
		p.cmd.Process.Kill()
		<-p.ended
		return nil
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.ended
	if got := p.cmd.ProcessState; got.ExitCode() != want {
		return fmt.Errorf("after SIGTERM: %v, want exit status %d; it logged %q", got, want, p.log)
	}
	return nil
}

// A log keeps what is written to it and finds a pattern in it once.
type log struct {
	mu      sync.Mutex
	content bytes.Buffer
	pattern *regexp.Regexp
	found   chan string // gets the first group of the first match
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.content.Write(b)
	if l.pattern != nil {
		if match := l.pattern.FindSubmatch(l.content.Bytes()); match != nil {
			l.found <- string(match[1])
			l.pattern = nil
		}
	}
	return len(b), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.content.String()
}
