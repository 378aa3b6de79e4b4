// Package handlers holds what each path responds, and Routes, which lists the paths.
package handlers

import (
	"net/http"
	"path"
	"strings"

	"argserver/internal/grpchealth"
	"argserver/internal/memory"
	"argserver/internal/ordered"
	"argserver/internal/response"
	"argserver/internal/settings"
	"argserver/internal/websocket"
)

// isEndpoint reports whether the mux has an endpoint at the path of a request, for
// whatever method. A path that the mux would clean has none. Neither does one that
// only the pattern other matches.
func isEndpoint(mux *http.ServeMux, r *http.Request, other string) bool {
	if r.RequestURI == "*" {
		return true // no path (RFC 9112, section 3.2.4); the mux answers 400
	}
	if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped {
		return false
	}
	// Every endpoint answers GET.
	_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: r.URL, Host: r.Host})
	return pattern != other
}

// endpoints describes the routes for the overview.
var endpoints = ordered.Object{
	{"/", "this overview; with ARGSERVER_ECHO=1, the request at this and every other path"},
	{"/overview", "this overview; ?format=json, html"},
	{"/args", "the argument vector; ?format=json, shell, nul"},
	{"/args/N", "the bytes of argument N"},
	{"/request", "the request as received; ?format=json, ?wait=250ms, ?status=503, ?size=1048576"},
	{"/env", "the environment variables listed in ARGSERVER_ENV; ?format=json"},
	{"/events", "server-sent events; ?interval=250ms, ?count=10"},
	{"/healthz", "200 while the server is running"},
	{"/readyz", "200 until shutdown begins, then 503"},
	{"/version", "version, commit, commit date, Go version and platform"},
	{"/grpc.health.v1.Health/Check", "the health check of gRPC, for gRPC clients"},
}

// Routes lists every endpoint. The mux also answers HEAD where it answers GET, and
// any other method with 405 and an Allow header. Draining is closed when the stop
// begins, and closed when the server closes its connections, which ends waits.
func Routes(argv, environ []string, s settings.Settings, draining, closed <-chan struct{}) http.Handler {
	bodies := memory.NewBudget(memory.MaxBodies)
	machine := machineFacts(s.Env, environ)
	request := requestHandler(bodies, machine, s.Echo, closed)
	if s.Echo {
		sockets := &websocket.Server{Memory: bodies, Draining: draining}
		request = withWebSockets(sockets, request, machine)
	}
	grpc := grpchealth.Handler(draining)
	overview := overviewHandler(argv, endpoints, bodies)
	const other = "GET /" // the pattern of every path without an endpoint
	mux := http.NewServeMux()
	if !s.Echo {
		mux.HandleFunc("GET /{$}", overview)
	}
	mux.HandleFunc("GET /overview", overview)
	mux.HandleFunc("GET /args", argsHandler(argv))
	mux.HandleFunc("GET /args/{n}", argHandler(argv))
	mux.HandleFunc("GET /env", envHandler(s.Env, environ))
	mux.HandleFunc("GET /events", eventsHandler(draining))
	mux.HandleFunc("GET /healthz", healthHandler)
	mux.HandleFunc("GET /readyz", readyHandler(draining))
	mux.HandleFunc("GET /version", versionHandler)
	mux.HandleFunc(other, func(w http.ResponseWriter, r *http.Request) {
		response.Fail(w, http.StatusNotFound, "not found; GET / lists the endpoints")
	})
	return refuseMethods(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodOptions && r.RequestURI == "*":
			// It asks about the server as a whole: 200 without a body.
		// The mux would redirect a path such as /request//a.
		case r.URL.Path == "/request" || strings.HasPrefix(r.URL.Path, "/request/"):
			request(w, r)
		case grpchealth.Is(r):
			grpc(w, r)
		case s.Echo && !isEndpoint(mux, r, other):
			request(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
}
