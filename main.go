// Argserver is a tiny HTTP server that shows the arguments it was started with,
// byte for byte, and each request it receives.
//
// Command-line arguments are the payload, never options: argserver shows all of
// them and parses none. Settings come from environment variables. README.md lists
// them, and ENDPOINTS.md describes the endpoints.
//
// Exit statuses of the server:
//
//	0  shut down by a signal; all requests in flight got their response
//	1  a runtime error, the shutdown timeout passed, or a second signal
//	2  invalid settings
//
// If argv[0] is healthcheck, as it is for /healthcheck in the image, or
// healthcheck.exe on Windows, the program is a health check: it requests /healthz
// from the server that has the same environment. It exits with 0 if the response is
// 200 within three seconds, and with 1 otherwise: Docker reserves the exit status 2
// of a health check.
package main

import (
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"argserver/internal/probe"
	"argserver/internal/server"
)

func main() {
	// Without this, a line for a log that nobody reads any more ends the program.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if len(os.Args) > 0 && probe.IsHealthCheck(os.Args[0], runtime.GOOS) {
		os.Exit(probe.Run(os.Environ(), net.DialTimeout, os.Stderr))
	}
	os.Exit(server.Serve(os.Args, os.Environ(), notify, os.Stdout, os.Stderr))
}

// notify returns the signals that stop the server. Until it is called, they end the
// program at once, which may be waiting for a file or a name server.
func notify() <-chan os.Signal {
	// The buffer holds two, because signal.Notify drops a signal that does not fit.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	return signals
}
