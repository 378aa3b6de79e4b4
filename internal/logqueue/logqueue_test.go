package logqueue

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A stuckWriter blocks each write until something is sent to it, as a pipe that
// nobody reads does.
type stuckWriter struct {
	bytes.Buffer
	writes chan struct{}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	<-w.writes
	return w.Buffer.Write(b)
}

func TestQueue(t *testing.T) {
	var out strings.Builder
	q := New("the log", &out, io.Discard)
	var want strings.Builder
	for n := range 1000 {
		line := fmt.Sprintln("line", n)
		want.WriteString(line)
		q.Write([]byte(line))
	}
	Close(q)
	if out.String() != want.String() {
		t.Errorf("wrote %q, want each line in order", out.String())
	}
	q.Write([]byte("late\n"))
}

// What does not fit is counted, and reported to another log once there is room.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuckWriter{writes: make(chan struct{})}
		var reports strings.Builder
		q := New("the log", out, &reports)
		line := []byte(strings.Repeat("x", 99) + "\n")
		write := func(lines int) {
			for range lines {
				q.Write(line)
			}
			synctest.Wait()
		}
		const fit = maxPending / 100
		write(1)         // blocks the queue's write
		write(fit + 123) // while these wait
		if reports.Len() > 0 {
			t.Errorf("reported %q, want nothing before there is room", &reports)
		}
		close(out.writes)
		synctest.Wait()
		if got, want := bytes.Count(out.Bytes(), []byte("\n")), 1+fit; got != want {
			t.Errorf("wrote %d lines, want %d", got, want)
		}
		if want := "argserver: 123 lines of the log dropped, because nothing read it fast enough\n"; reports.String() != want {
			t.Errorf("reported %q, want %q", &reports, want)
		}
		write(1)
		if got, want := bytes.Count(out.Bytes(), []byte("\n")), 2+fit; got != want {
			t.Errorf("wrote %d lines, want %d", got, want)
		}
		Close(q)
	})
}

func TestQueueCutsLongLines(t *testing.T) {
	var out strings.Builder
	q := New("the log", &out, io.Discard)
	q.Write([]byte(strings.Repeat("x", 2*maxPending) + "\n"))
	q.Write([]byte("short\n"))
	Close(q)
	if want := strings.Repeat("x", maxLine) + " (cut)\nshort\n"; out.String() != want {
		t.Errorf("wrote %d bytes that end with %.20q, want %d", out.Len(), out.String()[max(0, out.Len()-20):], len(want))
	}
}

// Close waits for a second in all, and still writes what can be written.
func TestCloseStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free strings.Builder
		stuck, stuckToo := &stuckWriter{writes: make(chan struct{})}, &stuckWriter{writes: make(chan struct{})}
		queues := []*Queue{New("", stuck, io.Discard), New("", stuckToo, io.Discard), New("", &free, io.Discard)}
		for _, q := range queues {
			q.Write([]byte("line\n"))
		}
		start := time.Now()
		Close(queues...)
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v, want 1s", took)
		}
		synctest.Wait()
		if free.String() != "line\n" {
			t.Errorf("wrote %q, want the line", free.String())
		}
		close(stuck.writes)
		close(stuckToo.writes)
		Close(queues[1:]...) // so that their goroutines end before the bubble does
	})
}
