package main

import (
	"net/http"
	"strings"
	"sync/atomic"
)

var endpoints = object{
	{"/", "this overview; ?format=json, html"},
	{"/args", "the argument vector; ?format=json, shell, nul"},
	{"/args/N", "the bytes of argument N"},
	{"/request", "the request as it arrived; ?format=json, ?wait=250ms, ?status=503"},
	{"/env", "the variables that ARGSERVER_ENV lists; ?format=json"},
	{"/healthz", "200 while it is alive"},
	{"/readyz", "200 while it wants requests"},
	{"/version", "version, commit, date, Go and platform"},
}

// routes lists every endpoint. The mux answers HEAD wherever GET is, and any
// other method with 405 and Allow.
func routes(argv, environ, shownEnv []string, draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", overviewHandler(argv, endpoints))
	mux.HandleFunc("GET /args", argsHandler(argv))
	mux.HandleFunc("GET /args/{n}", argHandler(argv))
	mux.HandleFunc("GET /env", envHandler(shownEnv, environ))
	mux.HandleFunc("GET /healthz", healthHandler)
	mux.HandleFunc("GET /readyz", readyHandler(draining))
	mux.HandleFunc("GET /version", versionHandler)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "not found: GET / lists what there is")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not by way of the mux, which would redirect an unclean path.
		if r.URL.Path == "/request" || strings.HasPrefix(r.URL.Path, "/request/") {
			requestHandler(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
