package main

import "sync/atomic"

// A budget limits how many bytes the requests of all clients hold together. Its
// zero value has nothing to give; newBudget makes one.
type budget struct {
	left atomic.Int64
}

func newBudget(bytes int64) *budget {
	b := new(budget)
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
