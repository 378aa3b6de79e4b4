package main

import (
	"sync"
	"testing"
)

func TestBudget(t *testing.T) {
	b := newBudget(10)
	if !b.take(10) || b.take(1) {
		t.Error("a budget of 10 does not give 10, or gives 11")
	}
	b.release(4)
	if b.take(5) || !b.take(4) {
		t.Error("after 4 are released it gives 5, or does not give 4")
	}
	b.release(10)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if b.take(3) {
					b.release(3)
				}
			}
		})
	}
	all.Wait()
	if !b.take(10) || b.take(1) {
		t.Error("concurrent use leaves more or less than 10")
	}
}
