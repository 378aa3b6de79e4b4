package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	maxBody = 1 << 20          // largest request body, in bytes
	maxWait = 30 * time.Second // longest ?wait
)

// requestHandler answers with the request as received, after the delay of ?wait
// and with the status of ?status. It answers 400 if either is invalid, and 413 if
// the body is larger than maxBody.
func requestHandler(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	wait, err := parseWait(query)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	status, err := parseStatus(query)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	f, ok := chooseFormat(w, r, formatText, formatJSON)
	if !ok {
		return
	}
	// A declared length over the limit is refused before a client that sent Expect
	// uploads it.
	var tooLarge *http.MaxBytesError
	var body []byte
	if r.ContentLength <= maxBody {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	}
	if r.ContentLength > maxBody || errors.As(err, &tooLarge) {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("body: want at most %d bytes", maxBody))
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Sprintf("body: %v", err))
		return
	}

	// The context ends when the client disconnects or the server closes.
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}

	var answer []byte
	switch {
	case status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified:
		w.WriteHeader(status) // RFC 9110 allows no body
		return
	case f == formatJSON:
		facts := append(requestFacts(r), member{"body", base64.StdEncoding.EncodeToString(body)})
		if len(r.Trailer) > 0 {
			facts = append(facts, member{"trailers", headerFacts(r.Trailer)})
		}
		answer = append(appendJSON(nil, facts), '\n')
	default:
		answer = requestText(r, body)
	}
	send(w, status, f.contentType, string(answer))
}

func parseWait(query url.Values) (time.Duration, error) {
	if !query.Has("wait") {
		return 0, nil
	}
	wait, err := time.ParseDuration(query.Get("wait"))
	if err != nil || wait < 0 || wait > maxWait {
		return 0, fmt.Errorf("wait=%q: want a duration from 0s to %v, such as 250ms", query.Get("wait"), maxWait)
	}
	return wait, nil
}

func parseStatus(query url.Values) (int, error) {
	if !query.Has("status") {
		return http.StatusOK, nil
	}
	status, err := strconv.Atoi(query.Get("status"))
	if err != nil || status < 200 || status > 599 {
		return 0, fmt.Errorf("status=%q: want a number from 200 to 599, such as 503", query.Get("status"))
	}
	return status, nil
}

// requestFacts returns everything about a request except its body and trailers.
func requestFacts(r *http.Request) object {
	facts := object{
		{"method", r.Method},
		{"target", r.RequestURI},
		{"protocol", r.Proto},
		{"host", r.Host},
		{"headers", headerFacts(r.Header)},
	}
	if r.TransferEncoding != nil {
		facts = append(facts, member{"transferEncoding", r.TransferEncoding})
	}
	return append(facts, connectionFacts(r)...)
}

// headerFacts returns headers or trailers in the order of their names.
func headerFacts(header http.Header) (facts object) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		facts = append(facts, member{name, header[name]})
	}
	return facts
}

// connectionFacts returns the addresses, TLS parameters and client certificate of
// the connection.
func connectionFacts(r *http.Request) object {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	facts := object{{"remote", r.RemoteAddr}, {"local", fmt.Sprint(local)}}
	if r.TLS != nil {
		facts = append(facts, member{"tls", tls.VersionName(r.TLS.Version)}, member{"cipher", tls.CipherSuiteName(r.TLS.CipherSuite)})
		if len(r.TLS.PeerCertificates) > 0 {
			facts = append(facts, member{"client", r.TLS.PeerCertificates[0].Subject.String()})
		}
	}
	return facts
}

// requestText returns the facts of the connection, one a line, then an empty line
// and the request in HTTP/1.1 form, with the trailers on new lines after the body. Targets and header values need no quoting:
// net/http rejects those that contain a line end.
func requestText(r *http.Request, body []byte) []byte {
	var b bytes.Buffer
	for _, fact := range connectionFacts(r) {
		fmt.Fprintf(&b, "%s %s\n", fact.name, printable(fact.value))
	}
	fmt.Fprintf(&b, "\n%s %s %s\nHost: %s\n", r.Method, r.RequestURI, r.Proto, r.Host)
	header := r.Header
	if r.TransferEncoding != nil { // net/http takes it out of the headers
		header = maps.Clone(header)
		header["Transfer-Encoding"] = r.TransferEncoding
	}
	writeHeader(&b, header)
	b.WriteByte('\n')
	b.Write(body)
	if len(r.Trailer) > 0 {
		b.WriteByte('\n')
		writeHeader(&b, r.Trailer)
	}
	return b.Bytes()
}

// writeHeader writes a line for each value of headers or trailers, in the order of
// their names.
func writeHeader(b *bytes.Buffer, header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			fmt.Fprintf(b, "%s: %s\n", name, value)
		}
	}
}
