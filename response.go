package main

import (
	"io"
	"net/http"
	"strconv"
)

// A response is a body with the headers that tell of it. One that never changes
// is made once, and then nothing is allocated to send it.
type response struct {
	contentType, contentLength []string
	body                       string
}

func newResponse(contentType []string, body string) response {
	return response{contentType, []string{strconv.Itoa(len(body))}, body}
}

// send answers with a body whose type is as it says and no other: nosniff keeps
// a browser from taking an argument for a page.
func (r response) send(w http.ResponseWriter, status int) {
	header := w.Header()
	header["Content-Type"] = r.contentType
	header["X-Content-Type-Options"] = nosniff
	header["Content-Length"] = r.contentLength
	w.WriteHeader(status)
	io.WriteString(w, r.body)
}

// send answers with a body that is made for this request.
func send(w http.ResponseWriter, status int, contentType []string, body string) {
	newResponse(contentType, body).send(w, status)
}

// fail answers with what was wrong, in a line of text.
func fail(w http.ResponseWriter, status int, problem string) {
	send(w, status, formatText.contentType, problem+"\n")
}
