package handlers

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argserver/internal/memory"
	"argserver/internal/negotiate"
	"argserver/internal/ordered"
	"argserver/internal/response"
	"argserver/internal/websocket"
)

const (
	MaxWait = 30 * time.Second // longest ?wait
	maxSize = 64 << 20         // largest ?size, in bytes
)

var (
	waitParameter   = parameter{"wait", "a duration", time.Duration(0), MaxWait, "250ms"}
	statusParameter = parameter{"status", "a number", 200, 599, "503"}
	sizeParameter   = parameter{"size", "a number of bytes", 0, maxSize, "1048576"}
)

// parameters are what the query of /request asks for.
type parameters struct {
	wait    time.Duration
	status  int
	size    int      // of the body in place of the echo, in bytes; -1 for the echo
	headers []string // of the response, each Name:value
}

// parseParameters parses the query of a request at /request or below. Elsewhere
// argserver stands in the place of another server, so the query is that server's and
// only shown. Its error quotes the first invalid parameter and says what would be valid.
// ?header is valid only if echo is true.
func parseParameters(r *http.Request, echo bool) (p parameters, err error) {
	p.status, p.size = http.StatusOK, -1
	if r.URL.RawQuery == "" || !isRequest(r) {
		return p, nil
	}
	query, err := negotiate.Query(r.URL.RawQuery, "wait", "status", "size", "header")
	if err != nil {
		return p, err
	}
	if err := waitParameter.duration(query, &p.wait); err != nil {
		return p, err
	}
	if err := statusParameter.number(query, &p.status); err != nil {
		return p, err
	}
	if err := sizeParameter.number(query, &p.size); err != nil {
		return p, err
	}
	if headers := query["header"]; headers != nil {
		if !echo {
			return p, queryError("header", headers[0], "the server started with ARGSERVER_ECHO=1")
		}
		p.headers, err = headers, checkHeaders(headers)
	}
	return p, err
}

// requestHandler responds with the request as received and what machine tells,
// after the delay of ?wait, with the status of ?status and the headers of ?header.
// With ?size it responds with that number of bytes instead. It responds with 400 if a
// parameter is invalid or ?header is used although echo is false, and 503 if the budget
// has no room for what it holds. memory.FailBody lists the responses to a body that does
// not arrive. It aborts the response if the client has left.
func requestHandler(held *memory.Budget, machine ordered.Object, echo bool) http.HandlerFunc {
	machineCost := cost(machine)
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := parseParameters(r, echo)
		zeros := false
		held.With(w, r, memory.HeaderCost(r), func() {
			if err != nil {
				response.Fail(w, http.StatusBadRequest, err.Error())
				return
			}
			choose := negotiate.Choose
			if !isRequest(r) {
				choose = negotiate.ChooseAccepted
			}
			f, ok := choose(w, r, negotiate.Text, negotiate.JSON)
			if !ok {
				return
			}
			// net/http takes the names of the trailers out of the headers, and adds others
			// to them with the body.
			if r.Trailer != nil {
				r.Header["Trailer"] = []string{strings.Join(headerNames(r.Trailer), ", ")}
			}
			b, err := memory.ReadBody(w, r, held)
			defer b.Free()
			if err != nil {
				await(r, 0)
				memory.FailBody(w, err)
				return
			}
			await(r, p.wait)
			addHeaders(w.Header(), p.headers)
			switch {
			case p.status == http.StatusNoContent || p.status == http.StatusResetContent || p.status == http.StatusNotModified:
				w.WriteHeader(p.status) // RFC 9110 allows no body
			case p.size >= 0:
				zeros = true
			default:
				held.With(w, r, machineCost, func() {
					sendRequest(w, r, p.status, f, b, machine)
				})
			}
		})
		if zeros { // which take minutes, and need no header
			r.Header = nil
			sendZeros(w, r, p.status, p.size)
		}
	}
}

// await waits for a duration. It aborts the response if the client has left.
func await(r *http.Request, wait time.Duration) {
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-left(r):
		}
	}
	select {
	case <-left(r):
		panic(http.ErrAbortHandler)
	default:
	}
}

// closedKey is the key of a context for a channel.
type closedKey struct{}

// WithClosed returns the context of a connection over HTTP/1 whose requests end once
// closed is closed.
func WithClosed(ctx context.Context, closed <-chan struct{}) context.Context {
	return context.WithValue(ctx, closedKey{}, closed)
}

// left returns a channel that is closed once the client resets the stream of an
// HTTP/2 request or closes its connection, or once the server closes that. Over HTTP/1
// only the server's close counts: net/http ends the context at the end of the client's
// stream, which is no sign that the client has left: it may have closed only its own
// side (RFC 9112, section 9.6).
func left(r *http.Request) <-chan struct{} {
	if r.ProtoMajor < 2 {
		closed, _ := r.Context().Value(closedKey{}).(<-chan struct{})
		return closed
	}
	return r.Context().Done()
}

const (
	MaxStall    = 10 * time.Second // longest time for a part of the body of ?size
	MaxDownload = 10 * time.Minute // longest time for all of it
)

// Zeros is a part of the body of ?size.
var Zeros [32 << 10]byte

// sendZeros responds with a body of size zero bytes, a part at a time, so that it takes
// no memory, and as long as the client goes on reading.
func sendZeros(w http.ResponseWriter, r *http.Request, status, size int) {
	w.Header().Set("Content-Length", strconv.Itoa(size)) // also for a small HEAD
	response.SendHeader(w, status, response.OctetStream, size)
	if r.Method == http.MethodHead {
		return
	}
	control, end := http.NewResponseController(w), time.Now().Add(MaxDownload)
	for size > 0 {
		deadline := time.Now().Add(MaxStall)
		if deadline.After(end) {
			deadline = end
		}
		control.SetWriteDeadline(deadline)
		n, err := w.Write(Zeros[:min(size, len(Zeros))])
		if err != nil {
			return
		}
		size -= n
	}
}

// sendRequest responds with the request as received and what machine tells.
func sendRequest(w http.ResponseWriter, r *http.Request, status int, f negotiate.Format, b *memory.Body, machine ordered.Object) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	head, size := (*buffer)[:0], b.Size
	var after []byte
	if f == negotiate.JSON {
		// The body follows everything that was known before it.
		head = ordered.AppendJSON(head, append(requestInfo(r), machine...))
		head, after = append(head[:len(head)-len("}")], `,"body":"`...), []byte(`"`)
		if len(r.Trailer) > 0 {
			after = ordered.AppendJSON(append(after, `,"trailers":`...), headerInfo(r.Trailer))
		}
		after = append(after, "}\n"...)
		size = base64.StdEncoding.EncodedLen(size)
	} else {
		head = appendRequest(head, r, machine)
		if len(r.Trailer) > 0 {
			after = appendHeaders([]byte("\n"), r.Trailer)
		}
	}
	*buffer = head
	response.SendHeader(w, status, f.ContentType, len(head)+size+len(after))
	w.Write(head)
	if f == negotiate.JSON {
		b.WriteBase64(w, head)
	} else {
		b.WriteTo(w)
	}
	w.Write(after)
}

// buffers holds buffers for the next responses. MaxHeaderBytes and the environment
// bound their length.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// requestInfo returns everything about a request except its body and trailers.
func requestInfo(r *http.Request) ordered.Object {
	info := ordered.Object{
		{"method", r.Method},
		{"target", r.RequestURI},
		{"protocol", r.Proto},
		{"host", r.Host},
		{"headers", headerInfo(r.Header)},
	}
	if r.TransferEncoding != nil {
		info = append(info, ordered.Member{"transferEncoding", r.TransferEncoding})
	}
	return append(info, connectionInfo(r)...)
}

// headerInfo returns headers or trailers in the order of their names.
func headerInfo(header http.Header) (info ordered.Object) {
	for _, name := range headerNames(header) {
		info = append(info, ordered.Member{name, header[name]})
	}
	return info
}

// connectionInfo returns the addresses, TLS parameters and client certificate of
// the connection. The client chooses the server name, sni.
func connectionInfo(r *http.Request) ordered.Object {
	info := ordered.Object{{"remote", r.RemoteAddr}, {"local", localAddr(r)}}
	add := func(name, value string) {
		if value != "" {
			info = append(info, ordered.Member{name, value})
		}
	}
	if r.TLS != nil {
		add("tls", tls.VersionName(r.TLS.Version))
		add("cipher", tls.CipherSuiteName(r.TLS.CipherSuite))
		add("sni", r.TLS.ServerName)
		add("alpn", r.TLS.NegotiatedProtocol)
		if len(r.TLS.PeerCertificates) > 0 {
			client := r.TLS.PeerCertificates[0]
			info = append(info, ordered.Member{"client", client.Subject.String()})
			// SPIFFE and public authorities leave the subject empty.
			var names []string
			for _, uri := range client.URIs {
				names = append(names, uri.String())
			}
			names = append(append(names, client.DNSNames...), client.EmailAddresses...)
			for _, ip := range client.IPAddresses {
				names = append(names, ip.String())
			}
			if names != nil {
				info = append(info, ordered.Member{"clientNames", names})
			}
		}
	}
	return info
}

// localAddr returns the address at which the connection of a request arrived.
func localAddr(r *http.Request) string {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil { // in tests
		return ""
	}
	return local.String()
}

// cost returns how many bytes machine takes in a response at most.
func cost(machine ordered.Object) int64 {
	return 2 * int64(len(ordered.AppendJSON(nil, machine)))
}

// machineInfo returns the host name of the machine and the listed variables of
// environ. They tell which of several servers has responded.
func machineInfo(listed, environ []string) ordered.Object {
	host, _ := os.Hostname() // empty if the system does not report it
	info := ordered.Object{{"hostname", host}}
	if listed != nil {
		info = append(info, ordered.Member{"env", listedVariables(listed, environ, runtime.GOOS)})
	}
	return info
}

// appendRequest appends what connectionInfo and machine tell, one a line, then an empty
// line and the request in HTTP/1.1 form up to its body. Targets and header
// values need no quoting: net/http rejects those that contain a line end.
func appendRequest(b []byte, r *http.Request, machine ordered.Object) []byte {
	for _, member := range append(connectionInfo(r), machine...) {
		if variables, ok := member.Value.(ordered.Object); ok {
			for _, variable := range variables {
				b = fmt.Appendf(b, "%s %s=%q\n", member.Name, variable.Name, variable.Value)
			}
			continue
		}
		b = append(append(b, member.Name...), ' ')
		b = append(ordered.AppendPrintable(b, member.Value), '\n')
	}
	b = append(append(append(b, '\n'), r.Method...), ' ')
	b = append(append(append(b, r.RequestURI...), ' '), r.Proto...)
	b = appendHeader(b, "\nHost", r.Host)
	header := r.Header
	if r.TransferEncoding != nil { // net/http takes it out of the headers
		header = maps.Clone(header)
		header["Transfer-Encoding"] = r.TransferEncoding
	}
	return append(appendHeaders(b, header), '\n')
}

// appendHeaders appends a line for each value of headers or trailers, in the order
// of their names.
func appendHeaders(b []byte, header http.Header) []byte {
	for _, name := range headerNames(header) {
		for _, value := range header[name] {
			b = appendHeader(b, name, value)
		}
	}
	return b
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), '\n')
}

// headerNames returns the names of headers in order.
func headerNames(header http.Header) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// withWebSockets returns a handler that accepts handshakes, where the first message is
// the request and machine as JSON. It passes every other request to next.
func withWebSockets(sockets *websocket.Server, next http.HandlerFunc, machine ordered.Object) http.HandlerFunc {
	machineCost := cost(machine)
	return func(w http.ResponseWriter, r *http.Request) {
		if !websocket.Wants(r) {
			next(w, r)
			return
		}
		var first []byte
		if sockets.Memory.With(w, r, machineCost+memory.HeaderCost(r), func() {
			first = ordered.AppendJSON(nil, append(requestInfo(r), machine...))
		}) {
			sockets.Serve(w, r, first)
		}
	}
}
