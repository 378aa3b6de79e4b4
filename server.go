package main

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"
)

// newServer bounds what a client can make the server hold and wait for.
func newServer(handler http.Handler, config *tls.Config, logger *log.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	// For proxies that know it: the client speaks HTTP/2 from the first byte.
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:   handler,
		Protocols: &protocols,
		TLSConfig: config,
		// A client that is slow to send its request is cut off early.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// The longest wait that a request can ask for, and as long again for a
		// slow line to take the longest vector, some megabytes.
		WriteTimeout: 2 * maxWait,
		// Proxies keep idle connections for 60 seconds, as nginx and the load
		// balancers of the clouds do. Were argserver first to close one, a
		// request could cross the close and be lost.
		IdleTimeout: 75 * time.Second,
		// As much as the proxies in common use let through; the default of
		// 1 MiB lets a few clients fill a small container.
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       logger,
	}
}
