// Package response writes responses with a type and a length.
package response

import (
	"io"
	"net/http"
	"strconv"
)

const (
	TextPlain   = "text/plain; charset=utf-8"
	OctetStream = "application/octet-stream"
)

// Send writes a response.
func Send(w http.ResponseWriter, status int, contentType, body string) {
	SendHeader(w, status, contentType, len(body))
	io.WriteString(w, body)
}

// SendBytes writes a response. For a long one it is cheaper than Send, because
// net/http writes a string in small parts.
func SendBytes(w http.ResponseWriter, status int, contentType string, body []byte) {
	SendHeader(w, status, contentType, len(body))
	w.Write(body)
}

// SendHeader writes everything of a response but its body, which has length bytes.
// Its nosniff header stops browsers from treating an argument as an HTML page. The
// names are in canonical form, so that Header.Set has nothing to add.
func SendHeader(w http.ResponseWriter, status int, contentType string, length int) {
	header := w.Header()
	header["Content-Type"] = []string{contentType}
	header["X-Content-Type-Options"] = nosniff
	if length > smallBody {
		header["Content-Length"] = []string{strconv.Itoa(length)}
	}
	w.WriteHeader(status)
}

// smallBody is a number of bytes up to which net/http finds out the Content-Length
// itself, for less, because it holds back so much until the handler returns.
const smallBody = 1 << 10

// Values of headers that are always the same. Nobody changes them.
var (
	nosniff    = []string{"nosniff"}
	VaryAccept = []string{"Accept"}
)

// Fail responds with a problem as a line of text.
func Fail(w http.ResponseWriter, status int, problem string) {
	Send(w, status, TextPlain, problem+"\n")
}
