package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"argserver/release/build"
	"argserver/release/internal/command"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A program is a server that is measured.
type program struct {
	name    string
	paths   [3]string // requested as /args, /healthz and /request are from argserver
	environ []string  // may contain {port}
	command []string  // may contain {port}
}

// buildPrograms returns the baseline, argserver and go-httpbin, in this order. It
// takes argserver from the release and builds the others.
func buildPrograms(ctx context.Context, folder string, release *build.Release) ([]program, error) {
	argserver, err := release.Binary(host)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(argserver.Path, 0o755); err != nil {
		return nil, err
	}
	baseline, err := buildBaseline(ctx, folder, host)
	if err != nil {
		return nil, err
	}
	httpbin := filepath.Join(folder, "go-httpbin")
	if err := goBuild(ctx, nil, "-o="+httpbin, "-trimpath", "-ldflags=-s -w", "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin"); err != nil {
		return nil, err
	}
	return []program{
		{"baseline", [3]string{"/args", "/args", "/args"}, nil, []string{baseline, "127.0.0.1:{port}", "b", "c", "d"}},
		{"argserver", [3]string{"/args", "/healthz", "/request"}, []string{"ARGSERVER_ADDR=127.0.0.1:{port}"}, []string{argserver.Path, "a", "b", "c", "d"}},
		{"go-httpbin", [3]string{"/get", "/get", "/get"}, nil, []string{httpbin, "-host=127.0.0.1", "-port={port}"}},
	}, nil
}

// buildBaseline builds the bare net/http program for a platform, stripped like
// argserver, and returns the path of the binary.
func buildBaseline(ctx context.Context, folder string, p v1.Platform) (string, error) {
	binary := filepath.Join(folder, "baseline_"+strings.ReplaceAll(p.String(), "/", "_"))
	return binary, goBuild(ctx, platformEnviron(p), "-o="+binary, "-trimpath", "-tags=netgo", "-ldflags=-s -w", "argserver/release/measure/testdata/original")
}

// platformEnviron returns the environment variables for a platform. It clears
// GOFLAGS, so that the user's own flags do not change the binary.
func platformEnviron(p v1.Platform) []string {
	return []string{"GOFLAGS=", "CGO_ENABLED=0", "GOOS=" + p.OS, "GOARCH=" + p.Architecture, "GOARM=" + strings.TrimPrefix(p.Variant, "v")}
}

func readPeers(path string) ([]program, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	peers, err := parsePeers(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return peers, nil
}

// parsePeers parses lines of the form NAME /PATH COMMAND.
func parsePeers(text string) ([]program, error) {
	var peers []program
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 3 || !strings.HasPrefix(fields[1], "/") || !strings.Contains(line, "{port}") {
			return nil, fmt.Errorf("line %d is %q, want NAME /PATH COMMAND, with {port} in the command", i+1, line)
		}
		peer := program{name: fields[0], paths: [3]string{fields[1], fields[1], fields[1]}, command: fields[2:]}
		for len(peer.command) > 0 && strings.Contains(peer.command[0], "=") {
			peer.environ = append(peer.environ, peer.command[0])
			peer.command = peer.command[1:]
		}
		if len(peer.command) == 0 {
			return nil, fmt.Errorf("line %d is %q, want a command after the variables", i+1, line)
		}
		peers = append(peers, peer)
	}
	return peers, nil
}

// A process is a running program.
type process struct {
	program
	*os.Process
	addr   string
	first  time.Duration // from exec to the first 200
	exited chan struct{}
}

// start runs a program until stop is called, and waits for its first answer.
func (p program) start(ctx context.Context) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	fill := func(words []string) []string {
		filled := make([]string, len(words))
		for i, word := range words {
			filled[i] = strings.ReplaceAll(word, "{port}", port)
		}
		return filled
	}
	argv := fill(p.command)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = fill(p.environ)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &process{program: p, Process: cmd.Process, addr: addr, exited: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(s.exited)
	}()
	for time.Since(start) < patience {
		err = s.ask()
		s.first = time.Since(start)
		if err == nil {
			return s, nil
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("%q ended before its first answer: %v", argv, cmd.ProcessState)
		case <-time.After(50 * time.Microsecond):
		}
	}
	s.stop()
	return nil, fmt.Errorf("no 200 from %s within %v: %w", p.paths[0], patience, err)
}

// stop kills the process and waits until it is gone.
func (s *process) stop() {
	s.Kill()
	<-s.exited
}

// patience limits the wait for a first answer, and for each answer.
const patience = 10 * time.Second

// ask sends one request over a new connection.
func (s *process) ask() error {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return ask(conn, s.paths[0])
}

// ask sends a request over a connection and expects 200.
func ask(conn net.Conn, path string) error {
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answered %s, want 200", path, response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// freeAddress returns a loopback address whose port was free a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// inTurns starts, measures and stops each program in each round. Each round begins
// with the next program.
func inTurns(ctx context.Context, rounds int, programs []program, measure func(i int, s *process) error) error {
	for round := range rounds {
		for k := range programs {
			i := (round + k) % len(programs)
			s, err := programs[i].start(ctx)
			if err == nil {
				err = measure(i, s)
				s.stop()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", programs[i].name, err)
			}
		}
	}
	return nil
}

// goBuild runs go build with additional environment variables.
func goBuild(ctx context.Context, environ []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Env = append(os.Environ(), environ...)
	_, err := command.Output(cmd)
	return err
}
