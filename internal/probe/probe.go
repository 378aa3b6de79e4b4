// Package probe is the health check.
package probe

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"argserver/internal/settings"
)

// probeTimeout limits the whole health check, from dialing to the response.
const probeTimeout = 3 * time.Second

// IsHealthCheck reports whether the name that the program was started by is
// healthcheck. On Windows case does not matter, and the name may end in .exe.
func IsHealthCheck(argv0, goos string) bool {
	if goos == "windows" {
		argv0 = strings.NewReplacer(`\`, "/", ":", "/").Replace(strings.TrimSuffix(strings.ToLower(argv0), ".exe"))
	}
	return argv0[strings.LastIndexByte(argv0, '/')+1:] == "healthcheck"
}

// Run requests /healthz from the server that has the same environment and
// returns the exit status of the health check, 0 or 1. It writes the request
// itself, because http.Client would add 500 kB to the binary.
func Run(environ []string, dial dialFunc, stderr io.Writer) int {
	if err := askHealth(environ, dial); err != nil {
		fmt.Fprintf(stderr, "healthcheck: %v\n", err)
		return 1
	}
	fmt.Fprintln(stderr, "healthcheck: healthy")
	return 0
}

// A dialFunc opens a connection, as net.DialTimeout does.
type dialFunc func(network, address string, timeout time.Duration) (net.Conn, error)

func askHealth(environ []string, dial dialFunc) error {
	s, err := settings.Parse(environ, false)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(s.Addr)
	if n, _ := strconv.Atoi(port); n == 0 {
		return fmt.Errorf("address %q: want a fixed port, because the health check cannot know which port the system chose", s.Addr)
	}
	deadline := time.Now().Add(probeTimeout)
	// Dial connects to the loopback address if the host is empty or a wildcard.
	conn, err := dial("tcp", s.Addr, probeTimeout)
	if err != nil {
		return disagrees(err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if s.TLS != nil {
		// The server is local, and its certificate need not name this address.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	// HTTP/1.0 needs no Host header, and the server closes the connection.
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n"); err != nil {
		return disagrees(err)
	}
	// The response is short, but another program may listen there and send more.
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 4096)), nil)
	if err != nil {
		return disagrees(fmt.Errorf("no HTTP response from %s: %w", conn.RemoteAddr(), err))
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responded with %d, want 200", conn.RemoteAddr(), response.StatusCode)
	}
	return nil
}

// disagrees adds to an error what most often is its cause: another port, or TLS on one
// side only.
func disagrees(err error) error {
	return fmt.Errorf("%w; want the settings of the server, such as its PORT", err)
}
