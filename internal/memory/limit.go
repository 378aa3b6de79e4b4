package memory

import (
	"math"
	"runtime/debug"
)

const (
	// heapLimit is how many bytes the Go runtime may hold before it collects garbage
	// more often than it would by default, at twice the memory in use.
	heapLimit = 36 << 20
	// Each connection beyond the first of them raises the limit, or thousands of idle
	// ones would keep the garbage collector busy.
	freeConnections    = 256
	bytesPerConnection = 64 << 10
)

// Limit sets the soft memory limit of the Go runtime for a number of
// connections. A limit that GOMEMLIMIT sets stays.
func Limit(connections int) {
	if gomemlimit {
		return
	}
	debug.SetMemoryLimit(heapLimit + int64(max(0, connections-freeConnections))*bytesPerConnection)
}

var gomemlimit = debug.SetMemoryLimit(-1) != math.MaxInt64
