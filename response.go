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

// send writes an answer.
func send(w http.ResponseWriter, status int, contentType, body string) {
	sendHeader(w, status, contentType, len(body))
	io.WriteString(w, body)
}

// sendHeader writes everything of an answer but its body, which has length bytes.
// Its nosniff header stops browsers from treating an argument as an HTML page.
func sendHeader(w http.ResponseWriter, status int, contentType string, length int) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(status)
}

// fail answers with a problem as a line of text.
func fail(w http.ResponseWriter, status int, problem string) {
	send(w, status, textPlain, problem+"\n")
}
