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

// sendBytes writes an answer. For a long one it is cheaper than send, because
// net/http writes a string in small parts.
func sendBytes(w http.ResponseWriter, status int, contentType string, body []byte) {
	sendHeader(w, status, contentType, len(body))
	w.Write(body)
}

// sendHeader writes everything of an answer but its body, which has length bytes.
// Its nosniff header stops browsers from treating an argument as an HTML page. The
// names are in canonical form, so that Header.Set has nothing to add.
func sendHeader(w http.ResponseWriter, status int, contentType string, length int) {
	header := w.Header()
	header["Content-Type"] = []string{contentType}
	header["X-Content-Type-Options"] = nosniff
	if length > smallAnswer {
		header["Content-Length"] = []string{strconv.Itoa(length)}
	}
	w.WriteHeader(status)
}

// smallAnswer is a number of bytes up to which net/http finds out the Content-Length
// itself, for less, because it holds back so much until the handler returns.
const smallAnswer = 1 << 10

// Values of headers that are always the same. Nobody changes them.
var (
	nosniff    = []string{"nosniff"}
	varyAccept = []string{"Accept"}
)

// fail answers with a problem as a line of text.
func fail(w http.ResponseWriter, status int, problem string) {
	send(w, status, textPlain, problem+"\n")
}
