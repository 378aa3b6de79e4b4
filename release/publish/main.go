// Publish is what the release workflow runs with a token: it reads and writes the
// draft of a release, and makes the release public.
//
//	publish check TAG REPOSITORY
//	publish keep IMAGE TYPE FILE
//	publish upload TAG FILE...
//	publish download TAG FOLDER
//	publish promote TAG IMAGE
//
// Check fails if the release could not be completed: somebody made a release or a
// draft of the tag by hand, or the registry refuses a push to the repository, such as
// ghcr.io/owner/argserver. Upload, download and promote refuse such a release too. Check
// deletes the draft that an earlier run of the workflow left behind.
//
// Keep waits until the registry shows a bundle of a type, such as
// https://slsa.dev/provenance/v1, that was attached to an image a moment ago. Then it
// attaches again what the image has lost since keep last wrote FILE.
//
// Upload adds files to the draft of a tag; a file replaces one of the same name.
// Download gets all of them.
//
// Promote gives an image, named by digest such as ghcr.io/owner/argserver@sha256:...,
// the exact tag of its version, such as 1.2.3, and makes the draft public. Then it
// gives each floating tag (1.2, 1, latest) to the highest public stable version of its
// line, and makes the highest of all the latest release on GitHub. It is safe to
// repeat, and it completes earlier promotions that were cut off. It prints the tags
// that it set.
//
// Check, keep and promote use the credentials of docker login, and keep uses nothing
// else. GitHub and the registry get four tries to show what has just changed.
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
	if len(args) == 4 && args[0] == "keep" {
		exit(keep(ctx, args[1], args[2], args[3]))
	}
	releases, err := newReleases(os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_TOKEN"), os.Getenv("GITHUB_API"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(2)
	}
	switch {
	case len(args) == 3 && args[0] == "check":
		err = check(ctx, releases, args[1], args[2])
	case len(args) >= 3 && args[0] == "upload":
		err = releases.upload(ctx, args[1], args[2:]...)
	case len(args) == 3 && args[0] == "download":
		err = releases.download(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "promote":
		var moved []string
		moved, err = promote(ctx, releases, args[1], args[2])
		for _, name := range moved {
			fmt.Println(name)
		}
	default:
		fmt.Fprintf(os.Stderr, "publish: got %q, want check TAG REPOSITORY, keep IMAGE TYPE FILE, upload TAG FILE..., download TAG FOLDER or promote TAG IMAGE\n", args)
		os.Exit(2)
	}
	exit(err)
}

// exit ends the program with the status of an error.
func exit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}
