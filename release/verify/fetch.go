package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"

	"argserver/release/check"
	"argserver/release/internal/download"
	"argserver/release/internal/patiently"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
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
	version, err := tags.Exact(tag)
	if err != nil {
		return err
	}
	for _, name := range append([]string{version}, tags.Lines(version)...) {
		if err := patiently.Do(ctx, func() error { return fetchImage(ctx, digest, name, version) }); err != nil {
			return err
		}
	}
	var sums string
	if err := patiently.Do(ctx, func() (err error) {
		sums, err = fetchFiles(ctx, releasesURL(repository)+"/download/"+tag)
		return err
	}); err != nil {
		return err
	}
	if tags.Lines(version) == nil {
		return nil // A prerelease is never the latest release.
	}
	return patiently.Do(ctx, func() error { return fetchLatest(ctx, repository, version, sums) })
}

// fetchImage pulls everything that a tag of a version consists of and checks the
// digests. A floating tag may have moved on to a higher version.
func fetchImage(ctx context.Context, want name.Digest, tag, version string) error {
	ref := want.Context().Tag(tag)
	index, err := readIndex(ctx, ref)
	if err != nil {
		return err
	}
	got, err := index.Digest()
	if err != nil {
		return err
	}
	if got.String() != want.DigestStr() {
		if err := isHigher(ctx, want, index, tag, version); err != nil {
			return fmt.Errorf("%s is %s, want %s: %w", ref, got, want.DigestStr(), err)
		}
		fmt.Printf("%s is a higher version by now\n", ref)
		return nil
	}
	if err := validate.Index(index); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	fmt.Println(ref)
	return nil
}

// isHigher returns nil if an index, which has a floating tag, is a higher version of
// the tag's line. Its exact tag must agree.
func isHigher(ctx context.Context, image name.Digest, index v1.ImageIndex, tag, version string) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	claimed := manifest.Annotations["org.opencontainers.image.version"]
	other, err := tags.Exact(claimed)
	if err != nil || other != claimed || !slices.Contains(tags.Lines(other), tag) || tags.Compare(other, version) <= 0 {
		return fmt.Errorf("it claims to be version %q, want %s or a higher version that the tag belongs to", claimed, version)
	}
	exact, err := readIndex(ctx, image.Context().Tag(other))
	if err != nil {
		return err
	}
	got, err := index.Digest()
	if err != nil {
		return err
	}
	if want, err := exact.Digest(); err != nil || want != got {
		return fmt.Errorf("it claims to be version %s, but the tag %[1]s is %s (%v)", other, want, err)
	}
	return nil
}

// fetchFiles downloads the files at a URL, which checksums.txt there names, and
// checks them. It returns the content of checksums.txt.
func fetchFiles(ctx context.Context, url string) (sums string, err error) {
	folder, err := os.MkdirTemp("", "fetch")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	get := func(name string) (string, error) {
		content, err := download.Get(ctx, url+"/"+name)
		if err != nil {
			return "", err
		}
		fmt.Println(url + "/" + name)
		return string(content), os.WriteFile(filepath.Join(folder, name), content, 0o666)
	}
	if sums, err = get(check.SumsFile); err != nil {
		return "", err
	}
	listed, err := check.ParseSums(sums)
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	for _, name := range check.Files(slices.Sorted(maps.Keys(listed)))[1:] {
		if _, err := get(name); err != nil {
			return "", err
		}
	}
	if _, err := check.Sums(folder); err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	return sums, nil
}

// fetchLatest downloads the files of the latest release if that is a version, and
// compares its checksums. It accepts a higher version as the latest release.
func fetchLatest(ctx context.Context, repository, version, sums string) error {
	latest, err := latestVersion(ctx, repository)
	if err != nil {
		return err
	}
	switch order := tags.Compare(latest, version); {
	case order > 0:
		fmt.Printf("the latest release of %s is %s by now\n", repository, latest)
		return nil
	case order < 0:
		return fmt.Errorf("the latest release of %s is %s, want %s or a higher version", repository, latest, version)
	}
	url := releasesURL(repository) + "/latest/download"
	got, err := fetchFiles(ctx, url)
	if err == nil && got != sums {
		err = fmt.Errorf("%s/%s is stale: it is not that of version %s", url, check.SumsFile, version)
	}
	return err
}

// latestVersion reads the version of the latest release from where GitHub redirects
// its URL to.
func latestVersion(ctx context.Context, repository string) (string, error) {
	url := releasesURL(repository) + "/latest"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := download.Transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	response.Body.Close()
	target, err := response.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return "", fmt.Errorf("GET %s: %s, want a redirect to a release", url, response.Status)
	}
	if err != nil {
		return "", err
	}
	version, err := tags.Exact(path.Base(target.Path))
	if err != nil {
		return "", fmt.Errorf("GET %s leads to %s: %w", url, target, err)
	}
	return version, nil
}
