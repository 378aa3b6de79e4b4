// Try runs what a release consists of, as its users will.
//
//	try image IMAGE
//	try image ghcr.io/owner/argserver@sha256:...
//	try binary FOLDER
//
// Of an image it pulls every platform, by its digest and with no credentials,
// runs it, asks it for its arguments, and prints each platform that answered. It
// needs Docker and QEMU as a rehearsal does. In a folder of released files it
// checks all sums, and runs the raw binary that is for this machine, on Linux,
// macOS or Windows.
//
// Exit statuses: 0 it is as it should be, 1 it is not, 2 wrong usage.
package main

import (
	"context"
	"fmt"
	"os"

	"argserver/rehearsal"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "image":
		err = tryImage(context.Background(), args[1])
	case len(args) == 2 && args[0] == "binary":
		err = rehearsal.TryFiles(context.Background(), os.Stderr, args[1])
	default:
		fmt.Fprintf(os.Stderr, "try: got %q, want image IMAGE or binary FOLDER\n", args)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "try: %v\n", err)
		os.Exit(1)
	}
}

func tryImage(ctx context.Context, image string) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	index, err := remote.Index(ref, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	if len(manifest.Manifests) != len(rehearsal.ImagePlatforms) {
		return fmt.Errorf("%s has %d images, want %d", image, len(manifest.Manifests), len(rehearsal.ImagePlatforms))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(3) // for QEMU's sake
	for _, p := range rehearsal.ImagePlatforms {
		group.Go(func() error {
			if err := rehearsal.TryImage(ctx, os.Stderr, ref.Context().Name(), index, p); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			fmt.Println(p)
			return nil
		})
	}
	return group.Wait()
}
