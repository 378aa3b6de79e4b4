package main

import "sync/atomic"

// A budget is the number of bytes that requests and connections may still hold in
// memory together.
type budget struct{ left atomic.Int64 }

// take reserves n bytes, or returns false if fewer are left.
func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

// release returns n bytes that take has reserved.
func (b *budget) release(n int64) { b.left.Add(n) }
