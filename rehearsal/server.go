package rehearsal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// hostile are arguments that are easily taken for something else or lost on the
// way. No emulated architecture takes a longer one than the last.
var hostile = []string{
	"/argserver", "--help", "-version", "-test.v", "--", "healthcheck", "", " a  b ", "a\r\nb", "\xff\xfe", "%v", "$(HOME)", `"'\`,
	strings.Repeat("x", 128<<10-1),
}

// TryFiles checks the sums of a folder of released files and runs the raw binary
// there that is for the machine's own platform.
func TryFiles(ctx context.Context, log io.Writer, folder string) error {
	if err := CheckSums(folder); err != nil {
		return err
	}
	own := v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}
	return TryBinary(ctx, log, filepath.Join(folder, BinaryName(own)), own, "")
}

// TryBinary runs the raw binary of a platform, by way of QEMU where it is not the
// machine's own. It must be healthy, answer with just its arguments and, if it is
// given, with this version, and stop with 0.
func TryBinary(ctx context.Context, log io.Writer, path string, p v1.Platform, version string) error {
	if err := os.Chmod(path, 0o755); err != nil {
		return err
	}
	argv := hostile
	if p.OS == "windows" {
		// Where a command line is UTF-16, and at most 32,767 units of it.
		argv = []string{"/argserver", "--help", "", " a  b ", `"'\`, "%v", "ä"}
	}
	return twice(ctx, log, func(ctx context.Context) error { return tryBinary(ctx, path, argv, version) })
}

func tryBinary(ctx context.Context, path string, argv []string, version string) (err error) {
	server, err := startServer(ctx, path, argv, "ARGSERVER_ADDR=127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	probe := exec.CommandContext(ctx, path)
	probe.Args = []string{"healthcheck"}
	probe.Env = []string{"ARGSERVER_ADDR=" + server.addr}
	if out, err := probe.CombinedOutput(); err != nil {
		return fmt.Errorf("healthcheck: %w: %s", err, out)
	}
	err = errors.Join(
		wantAnswer(ctx, "http://"+server.addr+"/args", fmt.Sprintln(argv)),
		wantAnswer(ctx, "http://"+server.addr+"/args?format=nul", strings.Join(argv, "\x00")+"\x00"),
	)
	if version != "" {
		err = errors.Join(err, wantAnswer(ctx, "http://"+server.addr+"/version", version))
	}
	return err
}

// A server is a released binary at work.
type server struct {
	cmd  *exec.Cmd
	addr string // where it listens
	line string // of its log, the first
	log  *bufio.Reader
}

// startServer runs a binary and waits until it listens.
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
// Windows has no signal to ask with.
func (s *server) stop() error {
	if runtime.GOOS == "windows" {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		return nil
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := io.ReadAll(s.log)
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%w; it logged %q", err, s.line+string(rest))
	}
	return nil
}
