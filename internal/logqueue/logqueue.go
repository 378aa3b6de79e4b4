// Package logqueue keeps whoever logs a line from waiting for whoever reads the log.
package logqueue

import (
	"io"
	"strconv"
	"sync"
	"time"
)

const (
	// maxPending is how many bytes of lines wait to be written: at the rate of a busy
	// server, those of some milliseconds.
	maxPending = 256 << 10
	// maxLine is how long a line may be, in bytes. It leaves room for a stack trace,
	// and not for what a client can put into a TLS handshake.
	maxLine = 16 << 10
	// closeTime is how long Close waits for the lines to be written.
	closeTime = time.Second
)

// A Queue is a writer of lines that never blocks. It drops the lines for which it has
// no room, and reports how many they were once it has.
type Queue struct {
	name    string
	out     io.Writer
	reports io.Writer
	wake    chan struct{} // holds a value while lines are pending
	ended   chan struct{}

	mu      sync.Mutex
	pending []byte
	dropped int
	closed  bool
}

// New returns a queue of lines for out. How many lines of the named log were dropped is a
// line for reports.
func New(name string, out, reports io.Writer) *Queue {
	q := &Queue{name: name, out: out, reports: reports, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.run()
	return q
}

// Write adds a line. It never fails.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(line), maxLine)
	if q.closed || len(q.pending)+n > maxPending {
		q.dropped++
		return len(line), nil
	}
	q.pending = append(q.pending, line[:n]...)
	if n < len(line) {
		q.pending = append(q.pending, " (cut)\n"...)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

func (q *Queue) run() {
	defer close(q.ended)
	var lines []byte
	for range q.wake {
		q.mu.Lock()
		lines, q.pending = q.pending, lines[:0]
		dropped := q.dropped
		q.dropped = 0
		q.mu.Unlock()
		q.out.Write(lines)
		if dropped > 0 {
			io.WriteString(q.reports, "argserver: "+strconv.Itoa(dropped)+" lines of "+q.name+" dropped, because nothing read it fast enough\n")
		}
	}
}

// Close waits until the lines of queues are written, for a second at most. Later lines
// are lost.
func Close(queues ...*Queue) {
	timeout := time.After(closeTime)
	for _, q := range queues {
		q.mu.Lock()
		q.closed = true
		close(q.wake)
		q.mu.Unlock()
		select {
		case <-q.ended:
		case <-timeout:
			return
		}
	}
}
