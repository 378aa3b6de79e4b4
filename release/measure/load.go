package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names of figures that are used twice.
const (
	firstAnswer = "exec to first 200, ms"
	cpu         = "CPU per request, µs"
)

func measureStart(ctx context.Context, t *table, programs []program) error {
	return inTurns(40, programs, func(i int, p program) error {
		s, err := p.start(ctx)
		if err != nil {
			return err
		}
		s.stop()
		t.add(firstAnswer, i, milliseconds(s.first))
		return nil
	})
}

func measureLoad(ctx context.Context, t *table, programs []program) error {
	return inTurns(5, programs, func(i int, p program) error {
		s, err := p.start(ctx)
		if err != nil {
			return err
		}
		defer s.stop()
		for _, connections := range []int{1, 64} {
			of := make(map[string]load) // each path
			for j, name := range []string{"/args", "/healthz", "/request"} {
				path := p.paths[j]
				if _, measured := of[path]; !measured {
					if of[path], err = s.load(ctx, path, connections, 2*time.Second); err != nil {
						return err
					}
				}
				prefix := fmt.Sprintf("%s, %d at once: ", name, connections)
				t.add(prefix+cpu, i, of[path].cpu)
				t.add(prefix+"requests/s", i, of[path].rate)
				t.add(prefix+"p50, µs", i, of[path].p50)
				t.add(prefix+"p99, µs", i, of[path].p99)
			}
		}
		return nil
	})
}

// measureArguments measures how cost grows with the number of arguments, for
// programs that have four.
func measureArguments(ctx context.Context, t *table, programs []program) error {
	longest := longestVector(programs)
	for _, arguments := range []int{4, 1000, longest} {
		more := make([]string, arguments-4)
		for i := range more {
			more[i] = "x"
		}
		prefix := count(arguments) + " arguments: "
		err := inTurns(10, programs, func(i int, p program) error {
			s, err := p.start(ctx, more...)
			if err != nil {
				return err
			}
			defer s.stop()
			memory, err := s.memory()
			if err != nil {
				return err
			}
			load, err := s.load(ctx, p.paths[0], 1, time.Second)
			if err != nil {
				return err
			}
			t.add(prefix+firstAnswer, i, milliseconds(s.first))
			t.add(prefix+"PSS after one request, kB", i, memory.pss)
			t.add(prefix+cpu, i, load.cpu)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// longestVector is the largest number of arguments of one byte that the kernel
// lets each of the programs have.
func longestVector(programs []program) int {
	fits := func(n int) bool {
		for _, p := range programs {
			cmd := exec.Command(p.command[0], strings.Split(strings.Repeat("x", n), "")...)
			cmd.Env = append(p.environ, strings.Repeat("x", 100)) // an address is filled in later
			if err := cmd.Start(); err != nil {
				return false
			}
			cmd.Process.Kill()
			cmd.Wait()
		}
		return true
	}
	low, high := 4, 4<<20 // it has low, and not high
	for low+1 < high {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// load is what wrk and the kernel tell of a program under load: rate in requests
// a second, the rest in microseconds.
type load struct{ cpu, rate, p50, p99 float64 }

func (s *process) load(ctx context.Context, path string, connections int, duration time.Duration) (load, error) {
	before, err := s.cpuTime()
	if err != nil {
		return load{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk", "--latency", "--threads=1", fmt.Sprintf("--connections=%d", connections),
		fmt.Sprintf("--duration=%v", duration), "http://"+s.addr+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	after, err := s.cpuTime()
	if err != nil {
		return load{}, err
	}
	l, requests, err := parseWrk(string(out))
	l.cpu = float64((after - before).Microseconds()) / requests
	return l, err
}

var wrkLines = regexp.MustCompile(`(?s)\n +50% +(\S+)\n.*\n +99% +(\S+)\n +(\d+) requests in .*\nRequests/sec: +(\S+)\n`)

// parseWrk reads what wrk prints. Nothing but 200 counts, so that no program
// gains by refusing.
func parseWrk(out string) (l load, requests float64, err error) {
	match := wrkLines.FindStringSubmatch(out)
	if match == nil || strings.Contains(out, "Socket errors") || strings.Contains(out, "Non-2xx") {
		return load{}, 0, fmt.Errorf("wrk printed %q, want figures without errors", out)
	}
	p50, err50 := time.ParseDuration(match[1])
	p99, err99 := time.ParseDuration(match[2])
	requests, errRequests := strconv.ParseFloat(match[3], 64)
	rate, errRate := strconv.ParseFloat(match[4], 64)
	return load{rate: rate, p50: microseconds(p50), p99: microseconds(p99)}, requests, errors.Join(err50, err99, errRequests, errRate)
}

// cpuTime is what the process has used so far, as user and in the kernel.
func (s *process) cpuTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(stat))
}

// parseStat reads the times in /proc/PID/stat, which are in ticks of 10 ms. The
// name before them may hold spaces and brackets.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat is %q, want 15 fields or more", stat)
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(errUser, errSystem)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
