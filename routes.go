package main

import (
	"net/http"
	"strings"
)

// endpoints describes the routes for the overview.
var endpoints = object{
	{"/", "this overview; ?format=json, html"},
	{"/args", "the argument vector; ?format=json, shell, nul"},
	{"/args/N", "the bytes of argument N"},
	{"/request", "the request as received; ?format=json, ?wait=250ms, ?status=503"},
	{"/env", "the environment variables listed in ARGSERVER_ENV; ?format=json"},
	{"/healthz", "200 while the server is running"},
	{"/readyz", "200 until shutdown begins, then 503"},
	{"/version", "version, commit, commit date, Go version and platform"},
}

// routes lists every endpoint. The mux also answers HEAD where it answers GET, and
// any other method with 405 and an Allow header.
func routes(argv, environ []string, s settings, draining <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", overviewHandler(argv, endpoints))
	mux.HandleFunc("GET /args", argsHandler(argv))
	mux.HandleFunc("GET /args/{n}", argHandler(argv))
	mux.HandleFunc("GET /env", envHandler(s.env, environ))
	mux.HandleFunc("GET /healthz", healthHandler)
	mux.HandleFunc("GET /readyz", readyHandler(draining))
	mux.HandleFunc("GET /version", versionHandler)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "not found; GET / lists the endpoints")
	})
	return refuseMethods(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect a path such as /request//a.
		if r.URL.Path == "/request" || strings.HasPrefix(r.URL.Path, "/request/") {
			requestHandler(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}
