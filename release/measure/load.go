package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"argserver/release/internal/command"
)

// Rows that are named twice.
const (
	firstAnswer = "exec to first 200, ms"
	cpu         = "CPU per request, µs"
)

func measureStart(ctx context.Context, t *table, programs []program) error {
	return inTurns(ctx, 40, programs, func(i int, s *process) error {
		t.add(firstAnswer, i, milliseconds(s.first))
		return nil
	})
}

func measureLoad(ctx context.Context, t *table, programs []program) error {
	return inTurns(ctx, 5, programs, func(i int, s *process) error {
		for _, connections := range []int{1, 64} {
			loads := make(map[string]load) // by path
			for j, name := range []string{"/args", "/healthz", "/request"} {
				path := s.paths[j]
				if _, measured := loads[path]; !measured {
					var err error
					if loads[path], err = s.load(ctx, path, connections, 2*time.Second); err != nil {
						return err
					}
				}
				prefix := fmt.Sprintf("%s, %d at once: ", name, connections)
				t.add(prefix+cpu, i, loads[path].cpu)
				t.add(prefix+"requests/s", i, loads[path].rate)
				t.add(prefix+"p50, µs", i, loads[path].p50)
				t.add(prefix+"p99, µs", i, loads[path].p99)
			}
		}
		return nil
	})
}

// measureArguments measures cost by the number of arguments. The programs have
// four arguments themselves.
func measureArguments(ctx context.Context, t *table, programs []program) error {
	for _, arguments := range []int{4, 1000, mostArguments(programs)} {
		more := slices.Repeat([]string{"x"}, arguments-4)
		longer := slices.Clone(programs)
		for i := range longer {
			longer[i].command = slices.Concat(longer[i].command, more)
		}
		prefix := count(arguments) + " arguments: "
		err := inTurns(ctx, 10, longer, func(i int, s *process) error {
			memory, err := s.memory()
			if err != nil {
				return err
			}
			load, err := s.load(ctx, s.paths[0], 1, time.Second)
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

// mostArguments returns the largest number of one-byte arguments with which the
// kernel starts all programs.
func mostArguments(programs []program) int {
	fits := func(n int) bool {
		for _, p := range programs {
			cmd := exec.Command(p.command[0], slices.Repeat([]string{"x"}, n)...)
			cmd.Env = append(p.environ, strings.Repeat("x", 100)) // room for the address
			if err := cmd.Start(); err != nil {
				return false
			}
			cmd.Process.Kill()
			cmd.Wait()
		}
		return true
	}
	low, high := 4, 4<<20 // low fits, high does not
	for low+1 < high {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// load holds the figures of a program under load: rate in requests per second, the
// rest in microseconds.
type load struct{ cpu, rate, p50, p99 float64 }

func (s *process) load(ctx context.Context, path string, connections int, duration time.Duration) (load, error) {
	before, err := s.cpuTime()
	if err != nil {
		return load{}, err
	}
	out, err := command.Output(exec.CommandContext(ctx, "wrk", "--latency", "--threads=1", fmt.Sprintf("--connections=%d", connections),
		fmt.Sprintf("--duration=%v", duration), "http://"+s.addr+path))
	if err != nil {
		return load{}, err
	}
	after, err := s.cpuTime()
	if err != nil {
		return load{}, err
	}
	l, requests, err := parseWrk(out)
	l.cpu = float64((after - before).Microseconds()) / requests
	return l, err
}

var wrkLines = regexp.MustCompile(`(?s)\n +50% +(\S+)\n.*\n +99% +(\S+)\n +(\d+) requests in .*\nRequests/sec: +(\S+)\n`)

// parseWrk reads the output of wrk. A failed request is an error: a program must
// not look fast by refusing work.
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

// cpuTime returns the user and system time that the process has used so far.
func (s *process) cpuTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(stat))
}

// parseStat reads the times in /proc/PID/stat, which are in ticks of 10 ms. The
// process name before them may contain spaces and parentheses.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat is %q, want at least 15 fields", stat)
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(errUser, errSystem)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
