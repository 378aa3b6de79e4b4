// Promote moves the floating tags of a released image, such as 1.2, 1 and
// latest, onto a version and prints those that it moved, one a line. It is the
// last step of a release, so that nobody is given a version before it is whole.
//
//	promote REPOSITORY VERSION
//	promote ghcr.io/owner/argserver v1.2.3
//
// Which tags move is told at rehearsal.Promote. Credentials are those of docker
// login. Exit statuses: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"fmt"
	"os"

	"argserver/rehearsal"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "promote: got %d arguments, want REPOSITORY VERSION\n", len(os.Args)-1)
		os.Exit(2)
	}
	tags, err := rehearsal.Promote(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintf(os.Stderr, "promote: %v\n", err)
		os.Exit(1)
	}
	for _, tag := range tags {
		fmt.Println(tag)
	}
}
