// Check refuses a Git tag that the workflow cannot release: a release is named by a
// semantic version.
//
//	check TAG
//
// Exit statuses: 0 the tag is a version, 1 it is not, 2 wrong usage.
package main

import (
	"fmt"
	"os"

	"argserver/release/tags"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "check: got %q, want one tag\n", os.Args[1:])
		os.Exit(2)
	}
	if _, err := tags.Exact(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "check: %v\n", err)
		os.Exit(1)
	}
}
