package handlers

import (
	"net/http"

	"argserver/internal/response"
)

// healthHandler responds with 200, even while the server drains.
func healthHandler(w http.ResponseWriter, r *http.Request) {
	response.Send(w, http.StatusOK, response.TextPlain, "ok\n")
}

// readyHandler responds with 200, and 503 once draining is closed, so that load balancers
// stop sending requests.
func readyHandler(draining <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-draining:
			response.Fail(w, http.StatusServiceUnavailable, "draining: the server is shutting down")
		default:
			response.Send(w, http.StatusOK, response.TextPlain, "ok\n")
		}
	}
}
