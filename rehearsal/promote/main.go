// Promote lets the public have a release: it gives an image the tags of its
// version, makes the draft of the release public, and prints those tags, one a
// line. It is the last step of a release, so that nobody is given a version
// before it is whole.
//
//	promote IMAGE TAG
//	promote ghcr.io/owner/argserver@sha256:... v1.2.3
//
// Which tags move is told at rehearsal.Promote. Where latest does, the address
// releases/latest on GitHub moves with it. The credentials for the registry are
// those of docker login.
//
// Environment variables, as GitHub's workflows have them:
//
//	GITHUB_REPOSITORY  OWNER/NAME
//	GITHUB_TOKEN       may write the contents of the repository
//	GITHUB_API         address of the releases API, where it is not GitHub's own
//
// Exit statuses: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"argserver/rehearsal"
)

func main() {
	releases, err := rehearsal.NewReleases(os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_TOKEN"), os.Getenv("GITHUB_API"))
	if err == nil && len(os.Args) != 3 {
		err = fmt.Errorf("got %d arguments, want IMAGE TAG", len(os.Args)-1)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "promote: %v\n", err)
		os.Exit(2)
	}
	if err := promote(context.Background(), releases, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "promote: %v\n", err)
		os.Exit(1)
	}
}

func promote(ctx context.Context, releases *rehearsal.Releases, image, tag string) error {
	tags, err := rehearsal.Promote(ctx, image, tag)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		fmt.Println(tag)
	}
	return releases.Publish(ctx, tag, slices.Contains(tags, "latest"))
}
