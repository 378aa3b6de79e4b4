package handlers

import (
	"fmt"
	"net/http"

	"argserver/internal/memory"
	"argserver/internal/response"
	"argserver/internal/token"
)

// refuseMethods responds with 400 to a method that is not a token, because over HTTP/2
// net/http lets any text through, and with 501 to CONNECT, because success would promise
// a tunnel.
// https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
func refuseMethods(held *memory.Budget, next http.Handler) http.Handler {
	refuse := held.WithHeader(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			response.Fail(w, http.StatusNotImplemented, "method CONNECT: want another one, because argserver opens no tunnels")
		} else {
			response.Fail(w, http.StatusBadRequest, fmt.Sprintf("method %q: want a token, such as GET", r.Method))
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect || !token.Valid(r.Method) {
			refuse(w, r)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}
