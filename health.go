package main

import (
	"net/http"
	"sync/atomic"
)

// healthHandler answers 200, even while the server drains.
func healthHandler(w http.ResponseWriter, r *http.Request) {
	send(w, http.StatusOK, textPlain, "ok\n")
}

// readyHandler answers 200, and 503 once draining is set, so that load balancers
// stop sending requests.
func readyHandler(draining *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			fail(w, http.StatusServiceUnavailable, "draining: the server is shutting down")
			return
		}
		send(w, http.StatusOK, textPlain, "ok\n")
	}
}
