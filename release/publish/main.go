// Publish is what the pipeline runs with a token: it reads and writes the draft of a
// release, and makes the release public.
//
//	publish check TAG REPOSITORY
//	publish compare TAG FOLDER
//	publish promote TAG IMAGE FOLDER
//
// Check fails if the release could not be completed: somebody made a release or a
// draft of the tag by hand, or the registry refuses a push to the repository, such as
// ghcr.io/owner/argserver. Compare and promote refuse such a release too. Check
// deletes the draft that an earlier run of the workflow left behind.
//
// Compare fails unless the draft of a tag has exactly the files in FOLDER, by their
// names and by the SHA-256 that GitHub states.
//
// Promote adds the bundles in FOLDER, *.sigstore.json, to the draft, and compares all of
// it. Then it gives an image, named by digest such as ghcr.io/owner/argserver@sha256:...,
// the exact tag of its version, such as 1.2.3, and makes the draft public. Then it
// gives each floating tag (1.2, 1, latest) to the highest public stable version of its
// line, and makes the highest of all the latest release on GitHub. It is safe to
// repeat, and it completes earlier promotions that were cut off. It prints the tags
// that it set.
//
// Check and promote use the credentials of docker login. GitHub and the registry get
// four tries to show what has just changed.
//
// Environment variables, which GitHub sets in a workflow except for the last:
//
//	GITHUB_REPOSITORY  OWNER/NAME
//	GITHUB_TOKEN       a token that may write the contents of the repository
//	GITHUB_API         URL of the releases API, if it is not GitHub's own
//
// Exit statuses: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	ctx, args := context.Background(), os.Args[1:]
	releases, err := newReleases(os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_TOKEN"), os.Getenv("GITHUB_API"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(2)
	}
	switch {
	case len(args) == 3 && args[0] == "check":
		err = check(ctx, releases, args[1], args[2])
	case len(args) == 3 && args[0] == "compare":
		err = releases.compare(ctx, args[1], args[2])
	case len(args) == 4 && args[0] == "promote":
		var moved []string
		moved, err = promote(ctx, releases, args[1], args[2], args[3])
		for _, name := range moved {
			fmt.Println(name)
		}
	default:
		fmt.Fprintf(os.Stderr, "publish: got %q, want check TAG REPOSITORY, compare TAG FOLDER or promote TAG IMAGE FOLDER\n", args)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(1)
	}
}
