package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// refuseMethods answers 400 to a method that is not a token, because over HTTP/2
// net/http lets any text through. It answers 501 to CONNECT, because success would promise a tunnel.
// https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
func refuseMethods(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isToken(r.Method):
			fail(w, http.StatusBadRequest, fmt.Sprintf("method %q: want a token, such as GET", r.Method))
		case r.Method == http.MethodConnect:
			fail(w, http.StatusNotImplemented, "method CONNECT: want another one, because argserver opens no tunnels")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// quoteMethod quotes a method for the access log unless it is a token.
func quoteMethod(method string) string {
	if isToken(method) {
		return method
	}
	return strconv.Quote(method)
}

// isToken reports whether s is a token, as a method or the name of a header must be.
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
