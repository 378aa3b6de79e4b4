package cgroup_test

import (
	"testing"

	"argserver/internal/cgroup"
)

func TestCgroupLimits(t *testing.T) {
	for _, c := range []struct {
		name         string
		files        map[string]string
		cpus, memory any
	}{
		{"none", nil, nil, nil},
		{"version 2 in a container", map[string]string{"/proc/self/cgroup": "0::/", "/sys/fs/cgroup//cpu.max": "50000 100000", "/sys/fs/cgroup//memory.max": "67108864"}, 0.5, int64(67108864)},
		{"version 2 of a unit", map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service", "/sys/fs/cgroup/system.slice/a.service/cpu.max": "250000 100000", "/sys/fs/cgroup/system.slice/a.service/memory.max": "max"}, 2.5, nil},
		{"version 2 without limits", map[string]string{"/proc/self/cgroup": "0::/", "/sys/fs/cgroup//cpu.max": "max 100000", "/sys/fs/cgroup//memory.max": "max"}, nil, nil},
		{"version 1", map[string]string{"/proc/self/cgroup": "2:cpu:/docker/a\n1:memory:/docker/a", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "6442450944"}, 1.5, int64(6442450944)},
		{"version 1 without limits", map[string]string{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, nil, nil},
		{"garbled", map[string]string{"/proc/self/cgroup": "0::/", "/sys/fs/cgroup//cpu.max": "a b c", "/sys/fs/cgroup//memory.max": "lots"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := cgroup.Limits(func(path string) string { return c.files[path] })
			if got[0].Value != c.cpus || got[1].Value != c.memory {
				t.Errorf("got %v, want %v and %v", got, c.cpus, c.memory)
			}
		})
	}
}
