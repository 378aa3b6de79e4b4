package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"argserver/release/check"
	"argserver/release/internal/download"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func fetch(ctx context.Context, tag, image string) error {
	repository, err := originRepository(ctx)
	if err != nil {
		return err
	}
	digest, err := name.NewDigest(image)
	if err != nil {
		return err
	}
	names, err := tags.Of(digest.Context(), tag, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := fetchImage(ctx, digest, name); err != nil {
			return err
		}
	}
	releases := releasesURL(repository)
	if err := fetchFiles(ctx, releases+"/download/"+tag); err != nil {
		return err
	}
	if slices.Contains(names, "latest") {
		return fetchFiles(ctx, releases+"/latest/download")
	}
	return nil
}

// fetchImage pulls everything that a tag consists of and checks the digests.
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

// waits are the delays between retries: GitHub may take a while to show what was
// made public a moment ago.
var waits = []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}

// fetchFiles downloads the files at a URL, which checksums.txt there names, and
// checks them.
func fetchFiles(ctx context.Context, url string) error {
	folder, err := os.MkdirTemp("", "fetch")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	get := func(name string) (string, error) {
		content, err := download.Get(ctx, url+"/"+name)
		for _, wait := range waits {
			if err == nil {
				break
			}
			time.Sleep(wait)
			content, err = download.Get(ctx, url+"/"+name)
		}
		if err != nil {
			return "", err
		}
		fmt.Println(url + "/" + name)
		return string(content), os.WriteFile(filepath.Join(folder, name), content, 0o666)
	}
	content, err := get(check.SumsFile)
	if err != nil {
		return err
	}
	sums, err := check.ParseSums(content)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	for _, name := range check.Files(slices.Sorted(maps.Keys(sums)))[1:] {
		if _, err := get(name); err != nil {
			return err
		}
	}
	if _, err := check.Sums(folder); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}
