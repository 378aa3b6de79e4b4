// Argserver is a tiny HTTP server that shows the arguments it was started with,
// byte for byte, and each request it receives.
//
// Command-line arguments are the payload, never options: argserver shows all of
// them and parses none. Settings come from environment variables.
//
// Endpoints, which answer GET and HEAD unless stated otherwise:
//
//	/         an overview of arguments, process, limits and request, as text,
//	          JSON or an HTML page; with ARGSERVER_ECHO=1 the same as /request
//	/overview the same overview
//	/args     the argument vector as Go's %v prints it, [/argserver a b c d];
//	          ?format=json returns an array, ?format=shell a shell command,
//	          ?format=nul each argument followed by a NUL byte
//	/args/N   the bytes of argument N, counted from 0, the program name
//	/request  the request as received with its trailers, the host name of the
//	          machine and the variables listed in ARGSERVER_ENV, as text or JSON,
//	          for any method and any path below; ?wait=250ms delays the answer, up
//	          to 30s; ?status=503 sets its status, 200 to 599; ?size=1024 answers
//	          with that number of zero bytes instead, up to 67108864 (64 MiB);
//	          ?header=Name:value, with ARGSERVER_ECHO=1 only, adds a header to the
//	          answer, up to 16 of together 4 KiB; request bodies up to 1 MiB, and
//	          503 with Retry-After once those of all requests fill 8 MiB
//	/env      the environment variables listed in ARGSERVER_ENV, as text or JSON
//	/events   server-sent events: ?count=10 of them, up to 1000, the first at once
//	          and then one every ?interval=1s, 10ms to 30s; at most 10m in all;
//	          shutdown ends the stream early
//	/healthz  200 while the server is running
//	/readyz   200 until shutdown begins, then 503
//	/version  version, commit, commit date, Go version and platform
//
// ?header cannot set the type, encoding or length of an answer, what a browser may
// do with it or keep for the whole host, what a proxy does with it, or the
// connection. Names such as Content-*, Sec-*, Proxy-*, X-Accel-*, Connection, Date,
// Link, Refresh, Strict-Transport-Security, Trailer and Vary get 400;
// responseheader.go lists all of them.
//
// With ARGSERVER_ECHO=1, a path that is answered as /request, and /request itself,
// also accepts WebSocket connections over HTTP/1.1. The first message is the request
// as JSON; then every message of the client comes back, up to 1 MiB. A handshake from
// a web page of another host gets 403. Shutdown closes the connections.
//
// A gRPC call is a POST over HTTP/2 with the content type application/grpc. At
// /request and below it, it is a request like any other. At every other path it gets
// an answer of gRPC. The method grpc.health.v1.Health/Check answers SERVING for the
// service "", or NOT_SERVING once shutdown begins, and NOT_FOUND for any other
// service. Every other method answers UNIMPLEMENTED.
//
// If an endpoint has several formats, ?format takes precedence over the Accept
// header. Any endpoint answers 501 to CONNECT, and 400 to a method that is not a token.
//
// Environment variables, where an empty one counts as unset:
//
//	ARGSERVER_ADDR              host:port to listen on; without a host, all IPv4
//	                            and IPv6 addresses; with port 0, a free port that
//	                            the system chooses; default :8080
//	PORT                        port to listen on if ARGSERVER_ADDR is unset
//	ARGSERVER_TLS_CERT          path of a PEM certificate, to serve HTTPS
//	ARGSERVER_TLS_KEY           path of its PEM key; set both or neither
//	ARGSERVER_TLS_CLIENT_CA     path of PEM CA certificates that a client
//	                            certificate, if presented, must be signed by
//	ARGSERVER_ENV               comma-separated names of the variables that /env
//	                            and /request may show, on Windows in any case, or
//	                            * for all; default none
//	ARGSERVER_ECHO              1 answers / and every path without an endpoint as
//	                            /request does, for any method, without redirects;
//	                            default 0, where such a path gets 404
//	ARGSERVER_ACCESS_LOG        1 logs each request to standard output as a line of
//	                            text, json as a JSON object; default 0
//	ARGSERVER_DRAIN             how long to keep serving after SIGTERM or SIGINT,
//	                            while /readyz answers 503, as a Go duration;
//	                            default 0s
//	ARGSERVER_SHUTDOWN_TIMEOUT  how long requests in flight, or arriving, may then
//	                            take to finish, as a Go duration; default 8s
//
// Exit statuses of the server:
//
//	0  stopped by a signal, all requests in flight answered; connections without
//	   a request are closed after a second
//	1  a runtime error, the shutdown timeout passed, or a second signal
//	2  invalid settings
//
// If argv[0] is healthcheck, as it is for /healthcheck in the image, or
// healthcheck.exe on Windows, the program is a health check: it requests /healthz
// from the server that has the same environment, and does not read its TLS files. It
// exits with 0 if the answer is 200 within three seconds, and with 1 otherwise:
// Docker reserves the exit status 2 of a health check.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	if len(os.Args) > 0 && isHealthCheck(os.Args[0], runtime.GOOS) {
		os.Exit(probe(os.Environ(), net.DialTimeout, os.Stderr))
	}
	// The buffer holds two, because signal.Notify drops a signal that does not fit.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	os.Exit(serve(os.Args, os.Environ(), signals, os.Stdout, os.Stderr))
}

// serve runs the server until it fails or a signal stops it, and returns the exit
// status.
func serve(argv, environ []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	logger := log.New(stderr, "argserver: ", 0)
	s, err := parseSettings(environ, true)
	if err != nil {
		logger.Print(err)
		return 2
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		logger.Printf("%v; ARGSERVER_ADDR or PORT sets another address", err)
		return 1
	}
	return serveOn(listener, s, argv, environ, signals, stdout, logger)
}

// serveOn is serve with a listener and settings.
func serveOn(listener net.Listener, s settings, argv, environ []string, signals <-chan os.Signal, stdout io.Writer, logger *log.Logger) int {
	draining, closed := make(chan struct{}), make(chan struct{})
	defer close(closed)
	handler := closeWhenDraining(routes(argv, environ, s, draining, closed), draining)
	switch s.accessLog {
	case "1":
		handler = logAccess(handler, stdout, accessText)
	case "json":
		handler = logAccess(handler, stdout, accessJSON)
	}
	server := newServer(handler, s.tls, logger)
	limitMemory(0)
	open := &connections{all: make(map[*connection]struct{})}
	server.ConnState = open.track
	served := make(chan error, 1)
	go func() {
		if s.tls != nil {
			s.tls.GetConfigForClient = open.handshake
			served <- server.ServeTLS(open.listener(listener), "", "")
		} else {
			served <- server.Serve(open.listener(listener))
		}
	}()
	logger.Printf("version %s listening on %s", version, listener.Addr())

	var first os.Signal
	select {
	case err := <-served:
		logger.Print(err)
		return 1
	case first = <-signals:
	}
	close(draining)
	if err := stop(server, listener, served, open, s, signals); err != nil {
		logger.Printf("stopped on signal (%v): %v", first, err)
		return 1
	}
	logger.Printf("stopped on signal (%v)", first)
	return 0
}
