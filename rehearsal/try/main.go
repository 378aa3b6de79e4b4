// Try pulls every platform of an image, by its digest and with no credentials,
// runs it and asks it for its arguments, and prints each platform that answered.
//
//	try IMAGE
//	try ghcr.io/owner/argserver@sha256:...
//
// It needs Docker and QEMU as a rehearsal does. Exit statuses: 0 all platforms
// answered, 1 one did not, 2 wrong usage.
package main

import (
	"context"
	"fmt"
	"os"

	"argserver/rehearsal"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "try: got %d arguments, want IMAGE\n", len(os.Args)-1)
		os.Exit(2)
	}
	if err := try(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "try: %v\n", err)
		os.Exit(1)
	}
}

func try(ctx context.Context, image string) error {
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
	for _, p := range rehearsal.ImagePlatforms {
		image, err := rehearsal.PlatformImage(index, p)
		if err != nil {
			return err
		}
		digest, err := image.Digest()
		if err != nil {
			return err
		}
		if err := rehearsal.TryImage(ctx, os.Stderr, ref.Context().Digest(digest.String()).String(), p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		fmt.Println(p)
	}
	return nil
}
