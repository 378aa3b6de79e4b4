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

// Routes lists every endpoint and returns the handler of all requests. The mux responds
// to HEAD where it does to GET, and to any other method with 405 and an Allow header.
// draining is closed when shutdown begins.
func Routes(argv, environ []string, s settings.Settings, draining <-chan struct{}) http.Handler {
	held := memory.NewBudget(memory.MaxHeld)
	machine := machineInfo(s.Env, environ)
	request := requestHandler(held, machine, s.Echo)
	if s.Echo {
		sockets := &websocket.Server{Memory: held, Draining: draining}
		request = withWebSockets(sockets, request, machine)
	}
	grpc := held.WithHeader(grpchealth.Handler(draining))
	const other = "GET /" // the pattern of every path without an endpoint
	mux := http.NewServeMux()
	var endpoints ordered.Object
	// add adds an endpoint and its line in the overview. The mux does not serve those
	// without a handler.
	add := func(path, about string, handler http.HandlerFunc) {
		endpoints = append(endpoints, ordered.Member{path, about})
		if handler != nil {
			mux.HandleFunc("GET "+strings.Replace(path, "N", "{n}", 1), handler)
		}
	}
	overview := overviewHandler(argv, s, &endpoints, held)
	if !s.Echo {
		mux.HandleFunc("GET /{$}", overview)
	}
	add("/", "this overview, without ARGSERVER_ECHO=1", nil)
	add("/overview", "this overview; ?format=json, html", overview)
	add("/args", "the argument vector; ?format=json, shell, nul", argsHandler(argv))
	add("/args/N", "the bytes of argument N", argHandler(argv))
	add("/request", "the request as received; ?format=json, ?wait=250ms, ?status=503, ?size=1048576", nil)
	add("/env", "the environment variables listed in ARGSERVER_ENV; ?format=json", envHandler(s.Env, environ))
	add("/events", "server-sent events; ?interval=250ms, ?count=10", eventsHandler(draining))
	add("/healthz", "200 while the server is running", healthHandler)
	add("/readyz", "200 until shutdown begins, then 503", readyHandler(draining))
	add("/version", "version, commit, commit date, Go version and platform", versionHandler)
	add("/grpc.health.v1.Health/Check", "the health check of gRPC, for gRPC clients", nil)
	notFound := func(w http.ResponseWriter, r *http.Request) {
		response.Fail(w, http.StatusNotFound, "not found; GET / lists the endpoints")
	}
	mux.HandleFunc(other, notFound)
	others := held.WithHeader(func(w http.ResponseWriter, r *http.Request) {
		if !isClean(r) {
			notFound(w, r)
		} else if memory.SkipBody(w, r) {
			mux.ServeHTTP(w, r)
		}
	})
	return refuseMethods(held, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodOptions && r.RequestURI == "*":
			// It asks about the server as a whole: 200 without a body.
		case isRequest(r):
			request(w, r)
		case grpchealth.Is(r):
			grpc(w, r)
		case s.Echo && !isEndpoint(mux, r, other):
			request(w, r)
		default:
			if r.URL.Path == "/events" {
				r.Header, r.Host = nil, "" // a stream takes minutes, and needs neither
			}
			others(w, r)
		}
	}))
}

// isRequest reports whether the path is /request or below it.
func isRequest(r *http.Request) bool {
	return r.URL.Path == "/request" || strings.HasPrefix(r.URL.Path, "/request/")
}

// isClean reports whether the mux would serve a path as it is. It would redirect any
// other, such as //args, to a path that the client did not ask for. An absolute target
// may have no path at all.
func isClean(r *http.Request) bool {
	escaped := r.URL.EscapedPath()
	return escaped == "" || path.Clean(escaped) == escaped
}

// isEndpoint reports whether the mux has an endpoint at the path of a request, for
// whatever method. One that only the pattern other matches has none.
func isEndpoint(mux *http.ServeMux, r *http.Request, other string) bool {
	if r.RequestURI == "*" {
		return true // no path (RFC 9112, section 3.2.4); the mux responds with 400
	}
	if !isClean(r) {
		return false
	}
	// Every endpoint allows GET.
	_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: r.URL, Host: r.Host})
	return pattern != other
}
