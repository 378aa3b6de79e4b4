// Fetch gets every public address of a release once, without credentials, as
// anybody can, and compares what is there.
//
//	fetch TAG IMAGE
//	fetch v1.2.3 ghcr.io/owner/argserver@sha256:...
//
// Those are the files of the tag, of which the raw binaries must have the sums
// of checksums.txt; the same at releases/latest, if the image is latest; and every
// tag that the version has in the registry, which must be that image, whole.
//
// Environment variables, as GitHub's workflows have them:
//
//	GITHUB_REPOSITORY  OWNER/NAME
//	GITHUB_SERVER_URL  address of GitHub; default https://github.com
//
// Exit statuses: 0 all is there, 1 it is not, 2 wrong usage.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"argserver/rehearsal"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func main() {
	repository := os.Getenv("GITHUB_REPOSITORY")
	if len(os.Args) != 3 || repository == "" {
		fmt.Fprintf(os.Stderr, "fetch: got %d arguments, want TAG IMAGE, with GITHUB_REPOSITORY set\n", len(os.Args)-1)
		os.Exit(2)
	}
	releases := cmp.Or(os.Getenv("GITHUB_SERVER_URL"), "https://github.com") + "/" + repository + "/releases"
	if err := fetch(context.Background(), releases, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "fetch: %v\n", err)
		os.Exit(1)
	}
}

func fetch(ctx context.Context, releases, tag, image string) error {
	digest, err := name.NewDigest(image)
	if err != nil {
		return err
	}
	tags, err := rehearsal.Tags(digest.Context(), tag, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if err := fetchImage(ctx, digest, tag); err != nil {
			return err
		}
	}
	if err := fetchFiles(ctx, releases+"/download/"+tag); err != nil {
		return err
	}
	if slices.Contains(tags, "latest") {
		return fetchFiles(ctx, releases+"/latest/download")
	}
	return nil
}

// fetchImage pulls a tag whole, with the digests of all that it consists of.
func fetchImage(ctx context.Context, want name.Digest, tag string) error {
	ref := want.Context().Tag(tag)
	index, err := remote.Index(ref, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	got, err := index.Digest()
	if err != nil {
		return err
	}
	if got.String() != want.DigestStr() {
		return fmt.Errorf("%s is %s, want %s", ref, got, want.DigestStr())
	}
	if err := validate.Index(index); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	fmt.Println(ref)
	return nil
}

// waits are those before each further try: what was made public a moment ago may
// take a while to be there.
var waits = []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}

func fetchFiles(ctx context.Context, address string) error {
	folder, err := os.MkdirTemp("", "fetch")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for _, name := range rehearsal.AssetNames() {
		content, err := rehearsal.Get(ctx, address+"/"+name)
		for _, wait := range waits {
			if err == nil {
				break
			}
			time.Sleep(wait)
			content, err = rehearsal.Get(ctx, address+"/"+name)
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o666); err != nil {
			return err
		}
		fmt.Println(address + "/" + name)
	}
	if err := rehearsal.CheckSums(folder); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}
