package main

import (
	"os"
	"strconv"
	"strings"
)

// cgroupLimits are the CPUs and the bytes of memory that the control group of
// the process may use, nil where it sets no limit. Version 2 of control groups
// is tried first, then version 1, where a container sees its own group.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
func cgroupLimits(readFile func(string) string) object {
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
	// Without a limit version 1 has the largest number of whole pages.
	if bytes, err := strconv.ParseInt(limit, 10, 64); err == nil && bytes < 1<<62 {
		memory = bytes
	}
	return object{{"cpus", cpus}, {"memory", memory}}
}

// readFile returns a file of the system without the line end, and nothing of a
// file that cannot be read.
func readFile(path string) string {
	content, _ := os.ReadFile(path)
	return strings.TrimSpace(string(content))
}
