// Package memory limits the memory that clients can make the server hold.
package memory

import (
	"net/http"
	"net/url"
	"sync/atomic"

	"argserver/internal/response"
)

// A Budget limits how many bytes the requests of all clients hold together. The zero
// Budget is empty.
type Budget struct {
	size int64
	left atomic.Int64
}

// NewBudget returns a budget of some bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{size: bytes}
	b.left.Store(bytes)
	return b
}

// Take reserves n bytes. It returns false, and reserves nothing, if they do not fit.
func (b *Budget) Take(n int64) bool {
	for {
		left := b.left.Load()
		if left < n {
			return false
		}
		if b.left.CompareAndSwap(left, left-n) {
			return true
		}
	}
}

// Release gives back n bytes that Take has reserved.
func (b *Budget) Release(n int64) {
	b.left.Add(n)
}

// freeBytes is how many bytes a header may take without a reservation, and so may what
// a handler builds, so that large requests cannot keep out small ones. The number of
// requests bounds them.
const freeBytes = 8 << 10

// With calls build while n bytes are reserved for what it builds: none if n is at most
// freeBytes, and never more than the whole budget. If they do not fit, it forgets the
// request, responds with 503 and returns false. It resets the stream of a request over
// HTTP/2 that announces trailers.
func (b *Budget) With(w http.ResponseWriter, r *http.Request, n int64, build func()) bool {
	if n <= freeBytes {
		n = 0
	}
	n = min(n, b.size)
	if !b.Take(n) {
		// The client may not read the response. Then net/http keeps the trailers of
		// HTTP/2, whatever the request holds.
		if r.ProtoMajor == 2 && r.Trailer != nil {
			panic(http.ErrAbortHandler)
		}
		r.Header, r.Host, r.RequestURI, r.URL = nil, "", "", new(url.URL)
		w.Header().Set("Retry-After", "1")
		response.Fail(w, http.StatusServiceUnavailable, "other requests fill the memory set aside for them; retry later")
		return false
	}
	defer b.Release(n)
	build()
	if n > 0 {
		Sent(w, r)
	}
	return true
}

// Sent returns once the client has taken all of a response over HTTP/2, or has had its
// time. After the handler has returned, net/http would keep the request and the response
// for as long, and nobody would count them. A response of gRPC whose status is in the
// header has no body to wait for, and must end with its header.
func Sent(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 2 && w.Header()["Grpc-Status"] == nil {
		http.NewResponseController(w).Flush()
	}
}

// WithHeader returns a handler that calls next while memory is reserved for the header
// of the request.
func (b *Budget) WithHeader(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.With(w, r, HeaderCost(r), func() { next(w, r) })
	}
}

// HeaderCost returns how many bytes the header of a request takes, with what a handler
// builds from it. Trailers that are announced may follow.
func HeaderCost(r *http.Request) int64 {
	n := 4*int64(len(r.Method)+len(r.RequestURI)+len(r.Host)) + fieldCost(r.Header)
	if r.Trailer != nil {
		n += trailerCost + fieldCost(r.Trailer)
	}
	return n
}

// trailerCost is how many bytes trailers may take: four times MaxHeaderBytes.
const trailerCost = 256 << 10

// fieldCost does for headers or trailers what HeaderCost does for a request. It counts
// 64 bytes for each name and each value, which can be as short as a byte, and four for
// each byte of a value, because JSON escapes it.
func fieldCost(header http.Header) (n int64) {
	for name, values := range header {
		n += 64 + int64(len(name))
		for _, value := range values {
			n += 64 + 4*int64(len(value))
		}
	}
	return n
}
