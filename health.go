package main

import (
	"net/http"
	"sync/atomic"
)

// healthHandler answers as long as the process serves.
func healthHandler(w http.ResponseWriter, r *http.Request) {
	send(w, http.StatusOK, textPlain, "ok\n")
}

// readyHandler answers 503 once draining is set, so that a load balancer sends
// no more requests.
func readyHandler(draining *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			fail(w, http.StatusServiceUnavailable, "draining: this server is to stop")
			return
		}
		send(w, http.StatusOK, textPlain, "ok\n")
	}
}
