package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"syscall"
)

// measureRequests measures memory after requests, one at a time.
func measureRequests(ctx context.Context, t *table, programs []program) error {
	return inTurns(ctx, 5, programs, func(i int, s *process) error {
		if err := s.addMemory(t, i, "after one request"); err != nil {
			return err
		}
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		for range 10_000 {
			if err := ask(conn, s.paths[0]); err != nil {
				return err
			}
		}
		return s.addMemory(t, i, "after 10,000 requests")
	})
}

// measureIdle measures memory with open connections that had one request each.
func measureIdle(ctx context.Context, t *table, programs []program) error {
	return inTurns(ctx, 5, programs, func(i int, s *process) error {
		for n := 1; n <= 10_000; n++ {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := ask(conn, s.paths[0]); err != nil {
				return err
			}
			if n == 1000 || n == 10_000 {
				if err := s.addMemory(t, i, "with "+count(n)+" idle connections"); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *process) addMemory(t *table, i int, when string) error {
	m, err := s.memory()
	if err != nil {
		return err
	}
	t.add("PSS "+when+", kB", i, m.pss)
	t.add("RSS "+when+", kB", i, m.rss)
	return nil
}

// memory is the memory of a process in kB.
type memory struct{ pss, rss float64 }

func (s *process) memory() (memory, error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.Pid))
	if err != nil {
		return memory{}, err
	}
	return parseRollup(string(rollup))
}

var rollupLines = regexp.MustCompile(`(?m)^Rss: +(\d+) kB\nPss: +(\d+) kB$`)

func parseRollup(rollup string) (memory, error) {
	match := rollupLines.FindStringSubmatch(rollup)
	if match == nil {
		return memory{}, fmt.Errorf("/proc/PID/smaps_rollup is %q, want lines Rss and Pss", rollup)
	}
	rss, errRSS := strconv.ParseFloat(match[1], 64)
	pss, errPSS := strconv.ParseFloat(match[2], 64)
	return memory{pss, rss}, errors.Join(errRSS, errPSS)
}

// raiseFileLimit raises the limit on open files for this process and its children.
// Go raises it at start, too, but only for this process.
func raiseFileLimit() error {
	const enough = 10_100 // the idle connections and a margin
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < enough {
		return fmt.Errorf("the hard limit on open files is %d, want at least %d: ulimit -Hn 20000, as root", limit.Max, enough)
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
