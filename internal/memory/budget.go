// Package memory limits the memory that clients can make the server hold.
package memory

import (
	"net/http"
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

// TakeResponse reserves memory for a response of n bytes, until the caller releases what
// it returns: a client that does not read can make the server keep a response for
// WriteTimeout. A short response takes nothing, and one that is longer than the budget
// takes all of it. If it does not fit, TakeResponse responds with 503 and returns false.
func (b *Budget) TakeResponse(w http.ResponseWriter, n int) (taken int64, ok bool) {
	if n > FreeBody {
		taken = min(int64(n), b.size)
	}
	if b.Take(taken) {
		return taken, true
	}
	w.Header().Set("Retry-After", "1")
	response.Fail(w, http.StatusServiceUnavailable, "the answers to other requests fill the memory set aside for them; retry later")
	return 0, false
}
