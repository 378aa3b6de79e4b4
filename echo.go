package main

import (
	"net/http"
	"path"
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
