// Argserver answers over HTTP with the arguments it was started with.
//
// Command-line arguments are the payload, never options: all of them are shown
// and none is parsed. Settings come from the environment.
//
// Endpoints, for GET and HEAD:
//
//	/         a list of these endpoints
//	/args     the argument vector as Go's %v prints it: [/argserver a b c d]
//	/healthz  200 while the server serves
//	/version  version, commit, commit date, Go version and platform
//
// Environment variables, where an empty one counts as unset:
//
//	ARGSERVER_ADDR              host:port to listen on; without a host on every
//	                            address, IPv4 and IPv6; port 0 lets the system
//	                            choose; default :8080
//	PORT                        the port to listen on, without ARGSERVER_ADDR
//	ARGSERVER_SHUTDOWN_TIMEOUT  how long requests in flight may take to finish
//	                            after SIGTERM or SIGINT, as a Go duration;
//	                            default 8s
//
// Exit statuses of the server:
//
//	0  stopped by a signal, with every request in flight answered
//	1  a run-time error, requests cut off when the shutdown timeout passed, or a
//	   second signal
//	2  an unusable setting
//
// Started under the name healthcheck, as /healthcheck in the image is, the
// program is no server but asks the one that runs with the same environment for
// /healthz. It exits with 0 when that answers 200 within three seconds, else
// with 1: Docker reserves 2 for itself in a health check.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The release sets these when it links the binary.
var (
	version = "devel"
	commit  = "unknown"
	date    = "unknown"
)

func main() {
	if len(os.Args) > 0 && filepath.Base(os.Args[0]) == "healthcheck" {
		os.Exit(probe(os.Getenv, os.Stderr))
	}
	// Two, so that a second signal is kept while the first is acted on.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	os.Exit(serve(os.Args, os.Getenv, signals, os.Stderr))
}

// settings are what the environment decides.
type settings struct {
	addr            string // host:port
	shutdownTimeout time.Duration
}

// parseSettings reads the settings, or returns one error that names every
// unusable one.
func parseSettings(getenv func(string) string) (settings, error) {
	s := settings{addr: ":8080", shutdownTimeout: 8 * time.Second}
	var problems []string
	problem := func(name, want string) {
		problems = append(problems, fmt.Sprintf("%s=%q: want %s", name, getenv(name), want))
	}

	if addr := getenv("ARGSERVER_ADDR"); addr != "" {
		s.addr = addr
		if _, port, err := net.SplitHostPort(addr); err != nil || !isPort(port) {
			problem("ARGSERVER_ADDR", "host:port with a port from 0 to 65535, such as :8080 or [::1]:8080")
		}
	} else if port := getenv("PORT"); port != "" {
		s.addr = ":" + port
		if !isPort(port) {
			problem("PORT", "a number from 0 to 65535, such as 8080")
		}
	}
	if timeout := getenv("ARGSERVER_SHUTDOWN_TIMEOUT"); timeout != "" {
		var err error
		if s.shutdownTimeout, err = time.ParseDuration(timeout); err != nil || s.shutdownTimeout < 0 {
			problem("ARGSERVER_SHUTDOWN_TIMEOUT", "a duration of 0s or more, such as 8s or 1m30s")
		}
	}

	if problems != nil {
		return settings{}, errors.New(strings.Join(problems, "; "))
	}
	return s, nil
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// serve is the server, from the settings to the exit status.
func serve(argv []string, getenv func(string) string, signals <-chan os.Signal, stderr io.Writer) int {
	logger := log.New(stderr, "argserver: ", 0)
	s, err := parseSettings(getenv)
	if err != nil {
		logger.Print(err)
		return 2
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		logger.Printf("%v; ARGSERVER_ADDR or PORT sets another address", err)
		return 1
	}
	server := &http.Server{
		Handler: routes(argv),
		// A client that is slow to send its request is cut off early.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// The longest vector that Linux takes is some megabytes: half a minute
		// lets a slow line have it.
		WriteTimeout: 30 * time.Second,
		// Proxies keep idle connections for 60 seconds, as nginx and the load
		// balancers of the clouds do. Were argserver first to close one, a
		// request could cross the close and be lost.
		IdleTimeout: 75 * time.Second,
		// As much as the proxies in common use let through; the default of
		// 1 MiB lets a few clients fill a small container.
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       logger,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	logger.Printf("version %s listening on %s", version, listener.Addr())

	var first os.Signal
	select {
	case err := <-failed:
		logger.Print(err)
		return 1
	case first = <-signals:
	}
	grace, cut := context.WithTimeout(context.Background(), s.shutdownTimeout)
	defer cut()
	go func() {
		<-signals
		cut()
	}()
	if server.Shutdown(grace) != nil {
		logger.Printf("stopped on signal (%v), requests in flight were cut off", first)
		return 1
	}
	logger.Printf("stopped on signal (%v)", first)
	return 0
}

// routes lists every endpoint. The mux answers HEAD wherever GET is, and any
// other method with 405 and Allow.
func routes(argv []string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", text(overview))
	mux.Handle("GET /args", text(fmt.Sprintln(argv)))
	mux.Handle("GET /healthz", text("ok\n"))
	mux.Handle("GET /version", text(fmt.Sprintf("version %s\ncommit %s\ndate %s\ngo %s\nplatform %s/%s\n",
		version, commit, date, runtime.Version(), runtime.GOOS, runtime.GOARCH)))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not found: GET / lists what there is", http.StatusNotFound)
	})
	return mux
}

const overview = `argserver answers with the arguments it was started with.

/args     the argument vector
/healthz  200 while the server serves
/version  version, commit, date, Go and platform
`

// text answers with a text that stays the same for the life of the process.
func text(body string) http.Handler {
	length := strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Length", length)
		io.WriteString(w, body)
	})
}

// probe asks the server that runs with the same environment for /healthz and
// returns the exit status of a health check. It speaks HTTP over a connection
// of its own, since http.Client would add half a megabyte to the binary.
func probe(getenv func(string) string, stderr io.Writer) int {
	if err := askHealth(getenv); err != nil {
		fmt.Fprintf(stderr, "healthcheck: %v\n", err)
		return 1
	}
	fmt.Fprintln(stderr, "healthcheck: healthy")
	return 0
}

func askHealth(getenv func(string) string) error {
	s, err := parseSettings(getenv)
	if err != nil {
		return err
	}
	if strings.HasSuffix(s.addr, ":0") {
		return fmt.Errorf("address %q: want a fixed port, since the system chose the one behind 0", s.addr)
	}
	deadline := time.Now().Add(3 * time.Second)
	// Dial takes a wildcard host for the loopback address.
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
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
