// Package server listens, serves and shuts down.
package server

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"syscall"

	"argserver/internal/accesslog"
	"argserver/internal/handlers"
	"argserver/internal/logqueue"
	"argserver/internal/memory"
	"argserver/internal/settings"
	"argserver/internal/version"
)

// Serve runs the server until it fails or a signal stops it, and returns the exit
// status. It calls notify for the signals once it listens.
func Serve(argv, environ []string, notify func() <-chan os.Signal, stdout, stderr io.Writer) int {
	logger := log.New(stderr, "argserver: ", 0)
	s, err := settings.Parse(environ, true)
	if err != nil {
		logger.Print(err)
		return 2
	}
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		if !errors.Is(err, syscall.EMFILE) {
			err = fmt.Errorf("%w; set another, such as ARGSERVER_ADDR=:9090", err)
		}
		logger.Print(err)
		return 1
	}
	errorLog := logqueue.New("standard error", stderr, stderr)
	accessLog := logqueue.New("the access log", stdout, errorLog)
	defer logqueue.Close(accessLog, errorLog)
	logger.SetOutput(errorLog)
	return ServeOn(listener, s, argv, environ, notify(), accessLog, logger)
}

// ServeOn is serve with a listener and settings.
func ServeOn(listener net.Listener, s settings.Settings, argv, environ []string, signals <-chan os.Signal, stdout io.Writer, logger *log.Logger) int {
	draining := make(chan struct{})
	handler := handlers.Routes(argv, environ, s, draining)
	switch s.AccessLog {
	case "1":
		handler = accesslog.Log(handler, stdout, accesslog.Text)
	case "json":
		handler = accesslog.Log(handler, stdout, accesslog.JSON)
	}
	open := newConnections(listener, s.TLS != nil, memory.Limit())
	server := New(open.handler(handler, draining), s.TLS, logger)
	server.ConnContext, server.ConnState = open.withConnection, open.track
	served := make(chan error, 1)
	go func() {
		if s.TLS != nil {
			served <- server.ServeTLS(open, "", "")
		} else {
			served <- server.Serve(open)
		}
	}()
	logger.Printf("version %s listening on %s", version.Version, listener.Addr())

	var first os.Signal
	select {
	case err := <-served:
		logger.Print(err)
		return 1
	case first = <-signals:
	}
	close(draining)
	if err := stop(server, served, open, s, signals); err != nil {
		logger.Printf("stopped on signal (%v): %v", first, err)
		return 1
	}
	logger.Printf("stopped on signal (%v)", first)
	return 0
}
