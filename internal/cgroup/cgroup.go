// Package cgroup reads the limits of the process's control group.
package cgroup

import (
	"os"
	"strconv"
	"strings"

	"argserver/internal/ordered"
)

// Limits returns the number of CPUs and the bytes of memory that the
// process's cgroup may use, or nil where it sets no limit. It tries cgroup v2
// first, then v1, whose root in a container may be the container's own group.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
func Limits(readFile func(string) string) ordered.Object {
	_, group, _ := strings.Cut(readFile("/proc/self/cgroup"), "0::")
	var cpus, memory any
	quota, period, _ := strings.Cut(readFile("/sys/fs/cgroup"+group+"/cpu.max"), " ")
	if quota == "" {
		quota, period = readFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), readFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
	}
	q, _ := strconv.Atoi(quota)
	p, _ := strconv.Atoi(period)
	if q > 0 && p > 0 { // not "max" or -1
		cpus = float64(q) / float64(p)
	}
	if limit := Memory(readFile); limit > 0 {
		memory = limit
	}
	return ordered.Object{{"cpus", cpus}, {"memory", memory}}
}

// Memory returns the bytes of memory that the process's cgroup may use, or 0 if it sets
// no limit.
func Memory(readFile func(string) string) int64 {
	groups := readFile("/proc/self/cgroup")
	_, v2, _ := strings.Cut(groups, "0::")
	_, v1, _ := strings.Cut(groups, ":memory:")
	v1, _, _ = strings.Cut(v1, "\n")
	for _, path := range []string{v2 + "/memory.max", "/memory" + v1 + "/memory.limit_in_bytes", "/memory/memory.limit_in_bytes"} {
		// Without a limit, v1 reports the largest multiple of the page size.
		if limit, err := strconv.ParseInt(readFile("/sys/fs/cgroup"+path), 10, 64); err == nil && limit < 1<<62 {
			return limit
		}
	}
	return 0
}

// ReadFile returns the content of a file without surrounding space, or "" if it
// cannot be read.
func ReadFile(path string) string {
	content, _ := os.ReadFile(path)
	return strings.TrimSpace(string(content))
}
