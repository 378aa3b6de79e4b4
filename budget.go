package main

import (
	"net/http"
	"sync/atomic"
)

// A budget limits how many bytes the requests of all clients hold together. Its
// zero value has nothing to give; newBudget makes one.
type budget struct {
	size int64
	left atomic.Int64
}

func newBudget(bytes int64) *budget {
	b := &budget{size: bytes}
	b.left.Store(bytes)
	return b
}

// take reserves n bytes. It returns false, and reserves nothing, if they do not fit.
func (b *budget) take(n int64) bool {
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

// release gives back n bytes that take has reserved.
func (b *budget) release(n int64) {
	b.left.Add(n)
}

// takeAnswer reserves memory for an answer of n bytes, until the caller releases what
// it returns: a client that does not read can make the server keep an answer for
// WriteTimeout. A short answer takes nothing, and one that is longer than the budget
// takes all of it. If it does not fit, takeAnswer answers 503 and returns false.
func (b *budget) takeAnswer(w http.ResponseWriter, n int) (taken int64, ok bool) {
	if n > freeBody {
		taken = min(int64(n), b.size)
	}
	if b.take(taken) {
		return taken, true
	}
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, "the answers to other requests fill the memory set aside for them; retry later")
	return 0, false
}
