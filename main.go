// Argserver is a tiny HTTP server that shows the arguments it was started with,
// byte for byte, and each request it receives.
//
// Command-line arguments are the payload, never options: argserver shows all of
// them and parses none. Settings come from environment variables. ENDPOINTS.md
// documents them, the endpoints and all limits.
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
	if len(os.Args) > 0 && probe.IsHealthCheck(os.Args[0], runtime.GOOS) {
		os.Exit(probe.Run(os.Environ(), net.DialTimeout, os.Stderr))
	}
	// The buffer holds two, because signal.Notify drops a signal that does not fit.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	os.Exit(server.Serve(os.Args, os.Environ(), signals, os.Stdout, os.Stderr))
}
