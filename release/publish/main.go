// Publish is what the release workflow runs with a token: it reads and writes the
// draft of a release, and makes the release public.
//
//	publish upload TAG FILE...
//	publish download TAG FOLDER
//	publish promote TAG IMAGE
//
// Upload adds files to the draft of a tag; a file replaces one of the same name.
// Download gets all of them. Promote gives an image, named by digest such as
// ghcr.io/owner/argserver@sha256:..., the tags of the version, then makes the draft
// public, and prints the tags. The floating tags (1.2, 1, latest) never move back
// to a lower version, and the latest release on GitHub moves with latest. Promote
// uses the credentials of docker login.
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
	"slices"
)

func main() {
	releases, err := newReleases(os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_TOKEN"), os.Getenv("GITHUB_API"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(2)
	}
	ctx, args := context.Background(), os.Args[1:]
	switch {
	case len(args) >= 3 && args[0] == "upload":
		err = releases.upload(ctx, args[1], args[2:]...)
	case len(args) == 3 && args[0] == "download":
		err = releases.download(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "promote":
		err = makePublic(ctx, releases, args[1], args[2])
	default:
		fmt.Fprintf(os.Stderr, "publish: got %q, want upload TAG FILE..., download TAG FOLDER or promote TAG IMAGE\n", args)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(1)
	}
}

// makePublic tags the image first, so that nobody sees a release without one.
func makePublic(ctx context.Context, releases *releases, tag, image string) error {
	moved, err := promote(ctx, tag, image)
	if err != nil {
		return err
	}
	for _, name := range moved {
		fmt.Println(name)
	}
	return releases.publish(ctx, tag, slices.Contains(moved, "latest"))
}
