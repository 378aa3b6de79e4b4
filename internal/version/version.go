// Package version holds the version of the program.
package version

// The release sets these with the linker flag -X. Other builds have no commit or date.
var (
	Version      = "devel"
	Commit, Date string
)
