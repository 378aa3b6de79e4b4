package memory

import (
	"math"
	"os"
	"runtime/debug"

	"argserver/internal/cgroup"
)

// unlimited is how many bytes of memory the server plans with where nothing limits it.
const unlimited = 4 << 30

// Limit returns how many bytes of memory the process may use, by its control group and
// by GOMEMLIMIT, or unlimited. Without GOMEMLIMIT it sets the soft limit of the Go
// runtime to three quarters of what the group allows, so that the runtime collects
// garbage before the kernel ends the process. Without a group it sets none: a lower one
// would only make the collector work for idle connections.
func Limit() int64 {
	limit, soft := cgroup.Memory(cgroup.ReadFile), debug.SetMemoryLimit(-1)
	if limit == 0 {
		limit = unlimited
	} else if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 4 * 3)
	}
	if soft < math.MaxInt64 {
		limit = min(limit, soft)
	}
	return limit
}
