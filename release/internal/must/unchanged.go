package must

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Unchanged checks that the test leaves the machine as it is now. Call it when
// everything else that changes the machine has been done, such as building images:
// what is cleaned up later than this check counts as left behind.
func Unchanged(t *testing.T) {
	t.Helper()
	before, beforeSysctls := snapshot(t), sysctls(t)
	t.Cleanup(func() {
		after, afterSysctls := snapshot(t), sysctls(t)
		// A setting that is new or gone is that of a kernel module or an interface.
		for path, value := range beforeSysctls {
			if now, ok := afterSysctls[path]; ok {
				before["sysctls"] = append(before["sysctls"], path+" = "+value)
				after["sysctls"] = append(after["sysctls"], path+" = "+now)
			}
		}
		for name := range before {
			if changes := difference(before[name], after[name]); changes != nil {
				t.Errorf("the test changes the machine, %s:\n%s", name, strings.Join(changes, "\n"))
			}
		}
	})
}

// snapshot returns the state of the machine: for each part of it, lines that only
// a change of the machine changes.
func snapshot(t *testing.T) map[string][]string {
	t.Helper()
	return map[string][]string{
		"mounts":     lines(Read(t, "/proc/self/mounts")),
		"interfaces": lines(Run(t, ".", "sh", "-c", "ip -brief link; ip -brief address")),
		// The lifetime of a route that a router announced counts down.
		"routes": lines(regexp.MustCompile(` expires \d+sec`).ReplaceAllString(
			Run(t, ".", "sh", "-c", "ip rule; ip route show table all; ip -6 rule; ip -6 route show table all"), "")),
		"nftables rules": lines(Run(t, ".", "nft", "--stateless", "list", "ruleset")),
		// Comments have the time, and chains how many packets they saw.
		"iptables rules": lines(regexp.MustCompile(`(?m)^#.*\n?| \[\d+:\d+\]$`).ReplaceAllString(
			Run(t, ".", "sh", "-c", "iptables-save; ip6tables-save"), "")),
		"cgroups": cgroups(t),
		// The folders of Docker, systemd and Azure's agent change while these run,
		// whatever a test does.
		"/run":     tree(t, "/run", "/run/docker", "/run/systemd", "/run/udev"),
		"/var/lib": tree(t, "/var/lib", "/var/lib/docker", "/var/lib/waagent"),
		"/var/log": tree(t, "/var/log", "/var/log/journal", "/var/log/azure"),
	}
}

func lines(s string) []string {
	return slices.Sorted(strings.Lines(strings.TrimSuffix(s, "\n") + "\n"))
}

// counters are the files below /proc/sys that the kernel changes by itself. The
// others are settings.
var counters = regexp.MustCompile(`^/proc/sys/(fs/(aio-nr|dentry-state|file-nr|inode-nr|inode-state|quota/.*)` +
	`|kernel/(ns_last_pid|perf_event_max_sample_rate|pty/nr|random/(entropy_avail|uuid))` +
	`|net/netfilter/nf_conntrack_count)$`)

func sysctls(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for _, path := range tree(t, "/proc/sys", "/proc/sys/fs/binfmt_misc") {
		// Those that nobody can read, such as triggers, hold no setting.
		if value, err := os.ReadFile(path); err == nil && !counters.MatchString(path) {
			settings[path] = strings.TrimSpace(string(value))
		}
	}
	return settings
}

// cgroups lists the groups of all hierarchies. Those beside the test's own belong
// to whoever started it, and those of services to systemd.
func cgroups(t *testing.T) []string {
	t.Helper()
	var skipped []string
	for line := range strings.Lines(Read(t, "/proc/self/cgroup")) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		hierarchies := []string{"", "unified"}
		if fields[1] != "" {
			hierarchies = []string{strings.TrimPrefix(fields[1], "name=")}
		}
		for _, hierarchy := range hierarchies {
			if parent := filepath.Dir(fields[2]); parent != "/" {
				skipped = append(skipped, filepath.Join("/sys/fs/cgroup", hierarchy, parent))
			}
			skipped = append(skipped, filepath.Join("/sys/fs/cgroup", hierarchy, "system.slice"))
		}
	}
	var groups []string
	for _, path := range tree(t, "/sys/fs/cgroup", skipped...) {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			// In version 2, a group passes controllers on to those below.
			controllers, _ := os.ReadFile(filepath.Join(path, "cgroup.subtree_control"))
			groups = append(groups, strings.TrimSpace(path+" "+string(controllers)))
		}
	}
	return groups
}

// tree lists a folder and everything below, on the same file system or another,
// but not what is in the skipped folders.
func tree(t *testing.T, root string, skipped ...string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // gone since its folder was read
			return nil
		}
		if err != nil {
			return err
		}
		paths = append(paths, path)
		if slices.Contains(skipped, path) {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// difference lists the lines that are gone, after "- ", and those that are new,
// after "+ ". The order of lines does not count.
func difference(before, after []string) []string {
	count := map[string]int{}
	for _, line := range before {
		count[line]--
	}
	for _, line := range after {
		count[line]++
	}
	var changes []string
	for line, n := range count {
		for range max(n, -n) {
			sign := "+ "
			if n < 0 {
				sign = "- "
			}
			changes = append(changes, sign+strings.TrimSpace(line))
		}
	}
	slices.SortFunc(changes, func(a, b string) int { return strings.Compare(a[2:]+a[:2], b[2:]+b[:2]) })
	return changes
}
