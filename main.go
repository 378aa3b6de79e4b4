// Argserver answers over HTTP with what its process was really given: the
// arguments, exactly, and each request as it arrived.
//
// Command-line arguments are the payload, never options: all of them are shown
// and none is parsed. Settings come from the environment.
//
// Endpoints, for GET and HEAD but where it says otherwise:
//
//	/         an overview of arguments, process, limits and request: text, JSON,
//	          or a page for a browser
//	/args     the argument vector as Go's %v prints it, [/argserver a b c d];
//	          ?format=json is an array, ?format=shell a command for a shell,
//	          ?format=nul each argument ended by NUL
//	/args/N   the bytes of argument N, which counts from 0, the program's name
//	/request  the request as it arrived, as text or JSON: any method, and any
//	          path below; ?wait=250ms answers later, up to 30s, ?status=503 with
//	          another status, 200 to 599; bodies up to 1 MiB
//	/env      the variables that ARGSERVER_ENV lists, as text or JSON
//	/healthz  200 while the process serves
//	/readyz   200 while it wants to serve, 503 once it is to stop
//	/version  version, commit, commit date, Go version and platform
//
// Where there are several formats, ?format wins over the header Accept.
//
// Environment variables, where an empty one counts as unset:
//
//	ARGSERVER_ADDR              host:port to listen on; without a host on every
//	                            address, IPv4 and IPv6; port 0 lets the system
//	                            choose; default :8080
//	PORT                        the port to listen on, without ARGSERVER_ADDR
//	ARGSERVER_TLS_CERT          path of a PEM certificate, to serve HTTPS
//	ARGSERVER_TLS_KEY           path of its PEM key; both or neither
//	ARGSERVER_TLS_CLIENT_CA     path of PEM certificates of authorities; a client
//	                            certificate, if one is given, must be by them
//	ARGSERVER_ENV               names of the variables that /env may show, with
//	                            commas between them, or * for all; default none
//	ARGSERVER_ACCESS_LOG        1 writes a line for each request to standard
//	                            output; default 0
//	ARGSERVER_DRAIN             how long requests are still served after SIGTERM
//	                            or SIGINT, while /readyz says 503, as a Go
//	                            duration; default 0s
//	ARGSERVER_SHUTDOWN_TIMEOUT  how long requests in flight may then take to
//	                            finish, as a Go duration; default 8s
//
// Exit statuses of the server:
//
//	0  stopped by a signal, with every request in flight answered
//	1  a run-time error, requests cut off when the shutdown timeout passed, or a
//	   second signal
//	2  unusable settings
//
// Started under the name healthcheck, as /healthcheck in the image is, the
// program is no server but asks the one that runs with the same environment for
// /healthz. It exits with 0 when that answers 200 within three seconds, else
// with 1: Docker reserves 2 for itself in a health check.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

func main() {
	if len(os.Args) > 0 && filepath.Base(os.Args[0]) == "healthcheck" {
		os.Exit(probe(os.Environ(), net.DialTimeout, os.Stderr))
	}
	// Two, so that a second signal is kept while the first is acted on.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	os.Exit(serve(os.Args, os.Environ(), signals, os.Stdout, os.Stderr))
}

// serve is the server, from the settings to the exit status.
func serve(argv, environ []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	logger := log.New(stderr, "argserver: ", 0)
	s, err := parseSettings(environ)
	if err != nil {
		logger.Print(err)
		return 2
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		logger.Printf("%v; ARGSERVER_ADDR or PORT sets another address", err)
		return 1
	}
	var draining atomic.Bool
	handler := closeWhenDraining(routes(argv, environ, s.env, &draining), &draining)
	if s.accessLog {
		handler = logAccess(handler, stdout)
	}
	server := newServer(handler, s.tls, logger)
	failed := make(chan error, 1)
	go func() {
		if s.tls != nil {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	}()
	logger.Printf("version %s listening on %s", version, listener.Addr())

	var first os.Signal
	select {
	case err := <-failed:
		logger.Print(err)
		return 1
	case first = <-signals:
	}
	draining.Store(true)
	if err := stop(server, s, signals); err != nil {
		logger.Printf("stopped on signal (%v): %v", first, err)
		return 1
	}
	logger.Printf("stopped on signal (%v)", first)
	return 0
}
