package main

import (
	"io"
	"net/http"
	"strconv"
)

// Content types of the answers.
const (
	textPlain   = "text/plain; charset=utf-8"
	octetStream = "application/octet-stream"
)

// send answers with a body whose type is as it says and no other: nosniff keeps
// a browser from taking an argument for a page.
func send(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// fail answers with what was wrong, in a line of text.
func fail(w http.ResponseWriter, status int, problem string) {
	send(w, status, textPlain, problem+"\n")
}
