package main

import (
	"net/http"
	"strings"
)

// endpoints describes the routes for the overview.
var endpoints = object{
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

// routes lists every endpoint. The mux also answers HEAD where it answers GET, and
// any other method with 405 and an Allow header. Draining is closed when the stop
// begins, and closed when the server closes its connections, which ends waits.
func routes(argv, environ []string, s settings, draining, closed <-chan struct{}) http.Handler {
	bodies := newBudget(maxBodies)
	machine := machineFacts(s.env, environ)
	request := requestHandler(bodies, machine, s.echo, closed)
	if s.echo {
		sockets := &webSockets{bodies, draining}
		request = sockets.before(request, machine)
	}
	grpc := grpcHandler(draining)
	overview := overviewHandler(argv, endpoints, bodies)
	const other = "GET /" // the pattern of every path without an endpoint
	mux := http.NewServeMux()
	if !s.echo {
		mux.HandleFunc("GET /{$}", overview)
	}
	mux.HandleFunc("GET /overview", overview)
	mux.HandleFunc("GET /args", argsHandler(argv))
	mux.HandleFunc("GET /args/{n}", argHandler(argv))
	mux.HandleFunc("GET /env", envHandler(s.env, environ))
	mux.HandleFunc("GET /events", eventsHandler(draining))
	mux.HandleFunc("GET /healthz", healthHandler)
	mux.HandleFunc("GET /readyz", readyHandler(draining))
	mux.HandleFunc("GET /version", versionHandler)
	mux.HandleFunc(other, func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "not found; GET / lists the endpoints")
	})
	return refuseMethods(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		// The mux would redirect a path such as /request//a.
		case r.URL.Path == "/request" || strings.HasPrefix(r.URL.Path, "/request/"):
			request(w, r)
		case isGRPC(r):
			grpc(w, r)
		case s.echo && !isEndpoint(mux, r, other):
			request(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
}
