package memory

import (
	"os"
	"runtime/debug"

	"argserver/internal/cgroup"
)

// Limit sets the soft memory limit of the Go runtime to three quarters of what the
// control group of the process allows, so that the runtime collects garbage before the
// kernel ends the process. It leaves alone what GOMEMLIMIT sets, and sets none where the
// group has no limit: there a lower one would only make the collector work for idle
// connections.
func Limit() {
	if limit := cgroup.Memory(cgroup.ReadFile); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 4 * 3)
	}
}
