package main

import (
	"io"
	"net/http"
	"strconv"
)

const (
	textPlain   = "text/plain; charset=utf-8"
	octetStream = "application/octet-stream"
)

// send writes an answer. Its nosniff header stops browsers from treating an
// argument as an HTML page.
func send(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// fail answers with a problem as a line of text.
func fail(w http.ResponseWriter, status int, problem string) {
	send(w, status, textPlain, problem+"\n")
}
