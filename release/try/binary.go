// Package try runs released binaries and images and checks their answers.
package try

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"argserver/release/build"
	"argserver/release/product"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Binary runs the binary for a platform with hostile arguments, under QEMU if the
// machine has another platform. It must be healthy, give the answers of the
// product, and exit with 0 when it is asked to stop.
func Binary(ctx context.Context, log io.Writer, path string, p v1.Platform, m build.Metadata) error {
	if err := os.Chmod(path, 0o755); err != nil {
		return err
	}
	argv := product.Hostile
	if p.OS == "windows" {
		argv = product.HostileWindows
	}
	return twice(ctx, log, func(ctx context.Context) (err error) {
		server, err := Start(ctx, path, argv, product.Environ...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		if argv, environ := product.Healthcheck(server.Addr); argv != nil {
			check := exec.CommandContext(ctx, path)
			check.Args, check.Env = argv, environ
			if out, err := check.CombinedOutput(); err != nil {
				return fmt.Errorf("health check: %w: %s", err, out)
			}
		}
		return ask(ctx, server.Addr, product.Answers(argv, p, m))
	})
}

// A Server is a running binary.
type Server struct {
	Addr string // host and port it listens on
	cmd  *exec.Cmd
	line string // the first line of its log
	log  *bufio.Reader
}

// Start runs a binary and waits until it listens.
func Start(ctx context.Context, path string, argv []string, environ ...string) (*Server, error) {
	s := &Server{cmd: exec.CommandContext(ctx, path)}
	s.cmd.Args, s.cmd.Env = argv, environ
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
	var listening bool
	if _, s.Addr, listening = strings.Cut(strings.TrimSpace(s.line), product.Listening); !listening {
		return nil, errors.Join(errors.New("it did not start"), s.Stop())
	}
	return s, nil
}

// Stop asks the server to stop and reports an exit status other than 0. Windows
// has no signal to ask with, so Stop kills the server there.
func (s *Server) Stop() error {
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

// twice runs something that may need QEMU, which sometimes hangs or crashes. Each
// of the two attempts may take five minutes.
func twice(ctx context.Context, log io.Writer, try func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		err := try(limited)
		cancel()
		if err == nil || attempt == 2 {
			return err
		}
		fmt.Fprintf(log, "trying again after: %v\n", err)
	}
}

// ask compares the answers of the server at an address. The server runs on this
// machine, so each request gets one try.
func ask(ctx context.Context, addr string, answers map[string]string) error {
	var problems []error
	for path, want := range answers {
		got, err := get(ctx, "http://"+addr+path)
		if err == nil && got != want {
			err = fmt.Errorf("GET %s answered %.300q, want %.300q", path, got, want)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// get returns the status, unless it is 200, and the body of an answer.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Close = true // no idle connection is left when the server stops
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		body = append([]byte(response.Status+" "), body...)
	}
	return string(body), err
}
