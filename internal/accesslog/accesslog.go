// Package accesslog logs each request as a line of text or JSON.
package accesslog

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"argserver/internal/ordered"
	"argserver/internal/token"
)

// Log writes one line to out for each request once next returns or aborts:
// remote address, method, path, status, body bytes and duration. The status is - if
// the request got no response, and 101 if next hijacked the connection. A response that
// fits into the buffers of the connection counts as sent, because the server does not
// learn whether it arrived. The path is quoted so that a request cannot forge a line,
// and so is a method that is not a token.
func Log(next http.Handler, out io.Writer, form func(b []byte, a access) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &recorder{ResponseWriter: w}
		a := access{remote: r.RemoteAddr, method: quoteMethod(shorten(r.Method)), path: shorten(r.URL.Path)}
		returned := false
		defer func() {
			a.status, a.bytes, a.duration = recorder.status, recorder.bytes, time.Since(start)
			if a.status == 0 && returned {
				a.status = http.StatusOK // net/http sends it
			}
			if a.bytes == 0 && (!returned || recorder.failed) {
				a.status = 0
			}
			if a.method == http.MethodHead {
				a.bytes = 0 // net/http discards the body
			}
			out.Write(form(nil, a))
		}()
		next.ServeHTTP(recorder, r)
		returned = true
	})
}

// maxText is how many bytes of a method or a path a line shows.
const maxText = 1 << 10

// shorten cuts a text that would fill the log, and marks the cut.
func shorten(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "…"
	}
	return s
}

// An access is what the access log tells about a request.
type access struct {
	remote, method, path string
	status               int   // 0 if the request got no response
	bytes                int64 // of the body of the response
	duration             time.Duration
}

func Text(b []byte, a access) []byte {
	status := "-"
	if a.status != 0 {
		status = strconv.Itoa(a.status)
	}
	return fmt.Appendf(b, "%s %s %q %s %d %v\n", a.remote, a.method, a.path, status, a.bytes, a.duration)
}

func JSON(b []byte, a access) []byte {
	var status any
	if a.status != 0 {
		status = int64(a.status)
	}
	return append(ordered.AppendJSON(b, ordered.Object{
		{"remote", a.remote},
		{"method", a.method},
		{"path", a.path},
		{"status", status},
		{"bytes", a.bytes},
		{"seconds", a.duration.Seconds()},
	}), '\n')
}

// A recorder records the status and the number of body bytes of a response.
type recorder struct {
	http.ResponseWriter
	status int // 0 until there is one
	bytes  int64
	failed bool // a write failed
}

func (w *recorder) WriteHeader(status int) {
	if status >= 200 { // others precede the response
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.wrote(n, err)
	return n, err
}

// WriteString keeps a string from being copied.
func (w *recorder) WriteString(s string) (int, error) {
	n, err := io.WriteString(w.ResponseWriter, s)
	w.wrote(n, err)
	return n, err
}

func (w *recorder) wrote(n int, err error) {
	if w.status == 0 {
		w.status = http.StatusOK // net/http sends it
	}
	w.bytes += int64(n)
	w.failed = w.failed || err != nil
}

// Hijack hands the connection over to the caller, which sends the 101 itself.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// Unwrap makes the other methods of the ResponseWriter available to
// http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// quoteMethod quotes a method for the access log unless it is a token.
func quoteMethod(method string) string {
	if token.Valid(method) {
		return method
	}
	return strconv.Quote(method)
}
