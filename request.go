package main

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxWait is the longest ?wait.
const maxWait = 30 * time.Second

// parameters are what the query of /request asks for.
type parameters struct {
	wait   time.Duration
	status int
}

// parseParameters parses the query of a request. Its error quotes the first invalid
// parameter and says what would be valid.
func parseParameters(r *http.Request) (parameters, error) {
	p := parameters{status: http.StatusOK}
	if r.URL.RawQuery == "" {
		return p, nil
	}
	query := r.URL.Query()
	if query.Has("wait") {
		var err error
		if p.wait, err = time.ParseDuration(query.Get("wait")); err != nil || p.wait < 0 || p.wait > maxWait {
			return p, fmt.Errorf("wait=%q: want a duration from 0s to %v, such as 250ms", query.Get("wait"), maxWait)
		}
	}
	if query.Has("status") {
		var err error
		if p.status, err = strconv.Atoi(query.Get("status")); err != nil || p.status < 200 || p.status > 599 {
			return p, fmt.Errorf("status=%q: want a number from 200 to 599, such as 503", query.Get("status"))
		}
	}
	return p, nil
}

// requestHandler answers with the request as received, after the delay of ?wait
// and with the status of ?status. It answers 400 if either is invalid, 413 if the
// body is larger than maxBody, and 503 if the budget has no room for it. It aborts
// the answer once closed is closed or the client is gone.
func requestHandler(bodies *budget, closed <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := parseParameters(r)
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		f, ok := chooseFormat(w, r, formatText, formatJSON)
		if !ok {
			return
		}
		b, err := readBody(w, r, bodies)
		defer b.free()
		switch {
		case err == errBodyTooLarge:
			fail(w, http.StatusRequestEntityTooLarge, err.Error())
			return
		case err == errBodiesFull:
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusServiceUnavailable, err.Error())
			return
		case err != nil:
			await(r, 0, closed)
			fail(w, http.StatusBadRequest, fmt.Sprintf("body: %v", err))
			return
		}
		await(r, p.wait, closed)
		echo(w, r, p, f, b)
	}
}

// await waits for a duration. It aborts the answer if the server closes before, or
// if the client is gone.
func await(r *http.Request, wait time.Duration, closed <-chan struct{}) {
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-closed:
			panic(http.ErrAbortHandler)
		case <-gone(r):
		}
	}
	select {
	case <-gone(r):
		panic(http.ErrAbortHandler)
	default:
	}
}

// gone returns a channel that is closed once the client resets the stream of an
// HTTP/2 request or closes its connection. It is nil for HTTP/1, where net/http
// ends the context at the end of the client's stream. That is no sign that the
// client is gone: it may have closed only its own side (RFC 9112, section 9.6).
func gone(r *http.Request) <-chan struct{} {
	if r.ProtoMajor < 2 {
		return nil
	}
	return r.Context().Done()
}

// echo answers with the request as received and the status of p.
func echo(w http.ResponseWriter, r *http.Request, p parameters, f format, b *body) {
	if p.status == http.StatusNoContent || p.status == http.StatusResetContent || p.status == http.StatusNotModified {
		w.WriteHeader(p.status) // RFC 9110 allows no body
		return
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	head, after, size := (*buffer)[:0], "", b.size
	if f == formatJSON {
		// The body is the last member.
		head = appendJSON(head, requestFacts(r))
		head, after = append(head[:len(head)-len("}")], `,"body":"`...), "\"}\n"
		size = base64.StdEncoding.EncodedLen(size)
	} else {
		head = appendRequest(head, r)
	}
	*buffer = head
	sendHeader(w, p.status, f.contentType, len(head)+size+len(after))
	w.Write(head)
	if f == formatJSON {
		b.writeBase64(w, head)
		io.WriteString(w, after)
	} else {
		b.WriteTo(w)
	}
}

// buffers holds buffers for the next answers. MaxHeaderBytes bounds their length.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// requestFacts returns everything about a request except its body.
func requestFacts(r *http.Request) object {
	var headers object
	for _, name := range headerNames(r.Header) {
		headers = append(headers, member{name, r.Header[name]})
	}
	return append(object{
		{"method", r.Method},
		{"target", r.RequestURI},
		{"protocol", r.Proto},
		{"host", r.Host},
		{"headers", headers},
	}, connectionFacts(r)...)
}

// connectionFacts returns the addresses, TLS parameters and client certificate of
// the connection.
func connectionFacts(r *http.Request) object {
	facts := object{{"remote", r.RemoteAddr}, {"local", localAddr(r)}}
	if r.TLS != nil {
		facts = append(facts, member{"tls", tls.VersionName(r.TLS.Version)}, member{"cipher", tls.CipherSuiteName(r.TLS.CipherSuite)})
		if len(r.TLS.PeerCertificates) > 0 {
			facts = append(facts, member{"client", r.TLS.PeerCertificates[0].Subject.String()})
		}
	}
	return facts
}

// localAddr returns the address at which the connection of a request arrived.
func localAddr(r *http.Request) string {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil { // in tests
		return ""
	}
	return local.String()
}

// appendRequest appends the facts of the connection, one a line, then an empty line
// and the request in HTTP/1.1 form up to its body. Targets and header values need no
// quoting: net/http rejects those that contain a line end.
func appendRequest(b []byte, r *http.Request) []byte {
	for _, fact := range connectionFacts(r) {
		b = append(append(b, fact.name...), ' ')
		b = append(appendPrintable(b, fact.value), '\n')
	}
	b = append(append(append(b, '\n'), r.Method...), ' ')
	b = append(append(append(b, r.RequestURI...), ' '), r.Proto...)
	b = appendHeader(b, "\nHost", r.Host)
	for _, name := range headerNames(r.Header) {
		for _, value := range r.Header[name] {
			b = appendHeader(b, name, value)
		}
	}
	return append(b, '\n')
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), '\n')
}

// headerNames returns the names of a header in order.
func headerNames(header http.Header) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
