package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"argserver/release/internal/patiently"
	"argserver/release/internal/registry"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-github/v88/github"
)

func options(ctx context.Context) []remote.Option {
	return registry.Options(ctx, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// promote publishes a version: it adds the bundles in a folder to the draft, which then
// has the files in the folder and no others, gives an image, named by digest, the exact
// tag, makes the draft public, and then moves the floating tags. It returns the tags that
// it set. Nothing moves unless everything is as the workflow left it.
//
// Promotions may run at once, end in any order and be cut off anywhere. The next one
// completes whatever is public.
func promote(ctx context.Context, releases *releases, tag, image, folder string) (moved []string, err error) {
	digest, err := name.NewDigest(image)
	if err != nil {
		return nil, err
	}
	version, err := tags.Exact(tag)
	if err != nil {
		return nil, err
	}
	var draft, public, release *github.RepositoryRelease
	if err := patiently.Do(ctx, func() (err error) {
		if draft, public, err = releases.find(ctx, tag); err != nil {
			return err
		}
		if release = cmp.Or(public, draft); release == nil {
			return fmt.Errorf("%s/%s has no release of the tag %s and no draft of one", releases.owner, releases.name, tag)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if public == nil {
		for _, name := range signed {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				return nil, err
			}
		}
		bundles, err := filepath.Glob(filepath.Join(folder, "*.sigstore.json"))
		if err != nil {
			return nil, err
		}
		if err := releases.upload(ctx, draft, bundles...); err != nil {
			return nil, err
		}
		if err := releases.compareDraft(ctx, draft, folder); err != nil {
			return nil, err
		}
	}
	p := promotion{releases: releases, repository: digest.Context(), version: version, release: release, set: make(map[string]v1.Hash)}
	if moved, err = p.setExact(ctx, digest); err != nil {
		return nil, explain(err, p.repository)
	}

	stable, err := p.stable(ctx)
	if err != nil {
		return moved, err
	}
	latest := slices.Contains(tags.Highest(slices.Collect(maps.Keys(stable))), tags.Floating{Tag: "latest", Version: version})
	// The image first, so that nobody sees a release without one.
	if p.release, err = releases.publish(ctx, draft, public, latest); err != nil {
		return moved, err
	}

	// Another promotion may have read the releases before this one was public, and
	// write its tags later. So read everything again after each change.
	for pass := range passes {
		more, changed, err := p.moveFloating(ctx)
		if err != nil {
			return moved, explain(err, p.repository)
		}
		moved = append(moved, more...)
		if !changed {
			return moved, nil
		}
		time.Sleep(time.Duration(pass+1) * settle)
	}
	return moved, fmt.Errorf("the floating tags changed %d times: wait until no other promotion runs, and run this job again", passes)
}

const passes = 10

// settle is the time that GitHub and the registry have to show the first change. They
// have more after each further one.
var settle = time.Second

// A promotion is what one run of promote knows, whatever GitHub and the registry show:
// their reads lag behind its writes, and GitHub's list may lack a release for days.
type promotion struct {
	releases   *releases
	repository name.Repository
	version    string
	release    *github.RepositoryRelease // of the version
	image      *remote.Descriptor        // of the version
	set        map[string]v1.Hash        // what it set each floating tag to
}

// setExact gives an image the exact tag of the version, unless that is another image
// already.
func (p *promotion) setExact(ctx context.Context, digest name.Digest) (moved []string, err error) {
	if p.image, err = remote.Get(digest, options(ctx)...); err != nil {
		return nil, err
	}
	exact := p.repository.Tag(p.version)
	there, err := remote.Head(exact, options(ctx)...)
	switch {
	case registry.NotFound(err):
		return []string{p.version}, remote.Tag(exact, p.image, options(ctx)...)
	case err != nil:
		return nil, err
	case there.Digest != p.image.Digest:
		return nil, fmt.Errorf("%s is %s already, and a version never changes: release %s under a new version", exact, there.Digest, p.image.Digest)
	}
	return nil, nil
}

// moveFloating gives every floating tag to the highest public stable version of its
// line, and makes that of all lines the latest release. It says whether it changed
// anything, and returns the tags that it set for the first time.
func (p *promotion) moveFloating(ctx context.Context) (moved []string, changed bool, err error) {
	stable, err := p.stable(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, floating := range tags.Highest(slices.Collect(maps.Keys(stable))) {
		image := p.image
		if floating.Version != p.version {
			if err := patiently.Do(ctx, func() (err error) {
				image, err = remote.Get(p.repository.Tag(floating.Version), options(ctx)...)
				return err
			}); err != nil {
				return moved, changed, err
			}
		}
		there, err := remote.Head(p.repository.Tag(floating.Tag), options(ctx)...)
		if err != nil && !registry.NotFound(err) {
			return moved, changed, err
		}
		last, again := p.set[floating.Tag]
		if err != nil || there.Digest != image.Digest || again && last != image.Digest {
			if err := remote.Tag(p.repository.Tag(floating.Tag), image, options(ctx)...); err != nil {
				return moved, changed, err
			}
			if !again {
				moved = append(moved, floating.Tag)
			}
			p.set[floating.Tag], changed = image.Digest, true
		}
		if floating.Tag == "latest" {
			set, err := p.releases.setLatest(ctx, stable[floating.Version])
			if err != nil {
				return moved, changed, err
			}
			changed = changed || set
		}
	}
	return moved, changed, nil
}

// stable returns the releases of the public stable versions that have an image. It
// counts its own version, listed or not. A higher version that a floating tag or the
// latest release names counts unless its release is no longer public and stable.
func (p *promotion) stable(ctx context.Context) (map[string]*github.RepositoryRelease, error) {
	stable, err := p.releases.stable(ctx)
	if err != nil {
		return nil, err
	}
	present, err := remote.List(p.repository, options(ctx)...)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(stable, func(version string, _ *github.RepositoryRelease) bool {
		return !slices.Contains(present, version)
	})
	if !p.release.GetPrerelease() {
		stable[p.version] = p.release
	}
	latest, err := p.releases.latest(ctx)
	if err != nil {
		return nil, err
	}
	for _, floating := range tags.Highest(slices.Collect(maps.Keys(stable))) {
		named, err := p.named(ctx, floating.Tag)
		if err != nil {
			return nil, err
		}
		candidates := []string{named}
		if floating.Tag == "latest" {
			candidates = append(candidates, strings.TrimPrefix(latest.GetTagName(), "v"))
		}
		for _, version := range candidates {
			if version == "" || stable[version] != nil || tags.Compare(version, floating.Version) <= 0 {
				continue
			}
			release, err := p.find(ctx, version)
			if err != nil {
				return nil, err
			}
			if release != nil {
				stable[version] = release
			}
		}
	}
	return stable, nil
}

// named returns the version that a floating tag names, as the image claims, or "" if it
// claims none of the tag's line.
func (p *promotion) named(ctx context.Context, tag string) (string, error) {
	there, err := remote.Get(p.repository.Tag(tag), options(ctx)...)
	if registry.NotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(there.Manifest))
	if err != nil {
		return "", err
	}
	version, err := tags.Exact(manifest.Annotations["org.opencontainers.image.version"])
	if err != nil || !slices.Contains(tags.Lines(version), tag) {
		return "", nil
	}
	return version, nil
}

// find returns the release of a version, or nil if it is not public and stable, or its
// image was deleted.
func (p *promotion) find(ctx context.Context, version string) (*github.RepositoryRelease, error) {
	release, err := p.releases.byTag(ctx, "v"+version)
	if release == nil || release.GetPrerelease() || complete(release) != nil {
		return nil, err
	}
	err = patiently.Do(ctx, func() error {
		_, err := remote.Head(p.repository.Tag(version), options(ctx)...)
		return err
	})
	if registry.NotFound(err) {
		return nil, nil
	}
	return release, err
}
