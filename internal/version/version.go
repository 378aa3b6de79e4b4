// Package version holds the version of the program.
package version

// The release sets these with the linker flag -X.
var (
	Version = "devel"
	Commit  = "unknown"
	Date    = "unknown"
)
