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
// first, then v1, whose root in a container is the container's own group.
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
	limit := readFile("/sys/fs/cgroup" + group + "/memory.max")
	if limit == "" {
		limit = readFile("/sys/fs/cgroup/memory/memory.limit_in_bytes")
	}
	// Without a limit, v1 reports the largest multiple of the page size.
	if bytes, err := strconv.ParseInt(limit, 10, 64); err == nil && bytes < 1<<62 {
		memory = bytes
	}
	return ordered.Object{{"cpus", cpus}, {"memory", memory}}
}

// ReadFile returns the content of a file without surrounding space, or "" if it
// cannot be read.
func ReadFile(path string) string {
	content, _ := os.ReadFile(path)
	return strings.TrimSpace(string(content))
}
