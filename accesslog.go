package main

import (
	"io"
	"log"
	"net/http"
	"time"
)

// logAccess writes one line to out for each request that next has answered:
// remote address, method, path, status, body bytes and duration. The path is
// quoted so that a request cannot forge a line, and so is a method that is no token.
func logAccess(next http.Handler, out io.Writer) http.Handler {
	logger := log.New(out, "", 0)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		counted := &countingWriter{ResponseWriter: w, status: http.StatusOK}
		method, path := r.Method, r.URL.Path
		next.ServeHTTP(counted, r)
		if method == http.MethodHead {
			counted.bytes = 0 // net/http discards the body
		}
		logger.Printf("%s %s %q %d %d %v", r.RemoteAddr, quoteMethod(method), path, counted.status, counted.bytes, time.Since(start))
	})
}

// countingWriter records the status and the number of body bytes of a response.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}
