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

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A program is a server that is measured.
type program struct {
	name    string
	paths   [3]string // to ask for, in the place of /args, /healthz and /request
	environ []string  // in these two {port} stands for the port
	command []string
}

// buildPrograms builds the baseline and go-httpbin, and returns them with
// argserver: the baseline first, then argserver.
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
	if err := run(ctx, nil, "go", "build", "-o="+httpbin, "-trimpath", "-ldflags=-s -w", "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin"); err != nil {
		return nil, err
	}
	return []program{
		{"baseline", [3]string{"/args", "/args", "/args"}, nil, []string{baseline, "127.0.0.1:{port}", "b", "c", "d"}},
		{"argserver", [3]string{"/args", "/healthz", "/request"}, []string{"ARGSERVER_ADDR=127.0.0.1:{port}"}, []string{argserver.Path, "a", "b", "c", "d"}},
		{"go-httpbin", [3]string{"/get", "/get", "/get"}, nil, []string{httpbin, "-host=127.0.0.1", "-port={port}"}},
	}, nil
}

// buildBaseline builds the bare net/http program for a platform, stripped as
// argserver is, and returns the path of its binary.
func buildBaseline(ctx context.Context, folder string, p v1.Platform) (string, error) {
	binary := filepath.Join(folder, "baseline_"+strings.ReplaceAll(p.String(), "/", "_"))
	return binary, run(ctx, platformEnviron(p), "go", "build", "-o="+binary, "-trimpath", "-tags=netgo", "-ldflags=-s -w", "argserver/release/measure/testdata/original")
}

// platformEnviron has go build for a platform, without flags of the developer's.
func platformEnviron(p v1.Platform) []string {
	return []string{"GOFLAGS=", "CGO_ENABLED=0", "GOOS=" + p.OS, "GOARCH=" + p.Architecture, "GOARM=" + strings.TrimPrefix(p.Variant, "v")}
}

// readPeers reads the file that names the peers.
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

// parsePeers reads lines of a name, a path and a command.
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

// A process is a program at work.
type process struct {
	*os.Process
	name   string
	addr   string
	first  time.Duration // from exec to the first 200
	exited chan struct{}
}

// start runs a program, with more arguments than its own if any are given, and
// waits for its first answer. It runs until it is stopped.
func (p program) start(ctx context.Context, more ...string) (*process, error) {
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
	command := append(fill(p.command), more...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = fill(p.environ)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &process{Process: cmd.Process, name: p.name, addr: addr, exited: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(s.exited)
	}()
	for time.Since(start) < patience {
		err = s.ask(p.paths[0])
		s.first = time.Since(start)
		if err == nil {
			return s, nil
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("%s ended before it answered: %v, of %q", p.name, cmd.ProcessState, command)
		case <-time.After(50 * time.Microsecond):
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s did not answer %s with 200 within %v: %w", p.name, p.paths[0], patience, err)
}

// stop ends a process at once.
func (s *process) stop() {
	s.Kill()
	<-s.exited
}

// patience bounds every wait.
const patience = 10 * time.Second

// ask sends one request over a connection of its own.
func (s *process) ask(path string) error {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return ask(conn, path)
}

// ask sends a request over a connection and reads the answer.
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

// freeAddress is an address that nobody listened on a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// inTurns does something with each program in each round, and begins every round
// with another one.
func inTurns(rounds int, programs []program, do func(i int, p program) error) error {
	for round := range rounds {
		for k := range programs {
			i := (round + k) % len(programs)
			if err := do(i, programs[i]); err != nil {
				return fmt.Errorf("%s: %w", programs[i].name, err)
			}
		}
	}
	return nil
}

// run runs a command, with variables added to the environment.
func run(ctx context.Context, environ []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return nil
}
