package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// probeTimeout bounds a whole health check, from the connection to the answer.
const probeTimeout = 3 * time.Second

// probe asks the server that runs with the same environment for /healthz and
// returns the exit status of a health check. It speaks HTTP over a connection
// of its own, since http.Client would add half a megabyte to the binary.
func probe(environ []string, dial dialFunc, stderr io.Writer) int {
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
	s, err := parseSettings(environ)
	if err != nil {
		return err
	}
	if strings.HasSuffix(s.addr, ":0") {
		return fmt.Errorf("address %q: want a fixed port, since the system chose the one behind 0", s.addr)
	}
	deadline := time.Now().Add(probeTimeout)
	// Dial takes a wildcard host for the loopback address.
	conn, err := dial("tcp", s.addr, probeTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if s.tls != nil {
		// It asks itself, by an address that its certificate need not name.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	// HTTP/1.0 needs no Host, and the answer ends with the connection.
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	// The answer is a few lines; whatever else listens there may send more.
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 4096)), nil)
	if err != nil {
		return fmt.Errorf("%s did not answer in HTTP: %w", conn.RemoteAddr(), err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d, want 200", conn.RemoteAddr(), response.StatusCode)
	}
	return nil
}
