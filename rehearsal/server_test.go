package rehearsal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A server is a released binary at work.
type server struct {
	cmd  *exec.Cmd
	addr string // where it listens
	line string // of its log, the first
	log  *bufio.Reader
}

// startServer runs a binary, by way of QEMU where it is not the machine's own,
// and waits until it listens.
func startServer(ctx context.Context, path string, argv []string, environ ...string) (*server, error) {
	s := &server{cmd: exec.CommandContext(ctx, path)}
	s.cmd.Args = argv
	s.cmd.Env = environ
	s.cmd.WaitDelay = time.Second
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.log = bufio.NewReader(stderr)
	s.line, _ = s.log.ReadString('\n')
	_, addr, listening := strings.Cut(strings.TrimSpace(s.line), " listening on ")
	if !listening {
		return nil, errors.Join(errors.New("it did not start"), s.stop())
	}
	s.addr = addr
	return s, nil
}

// stop asks the server to stop and reports an exit status that is not 0.
func (s *server) stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := io.ReadAll(s.log)
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%w; it logged %q", err, s.line+string(rest))
	}
	return nil
}
