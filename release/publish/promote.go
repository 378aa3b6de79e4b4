package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"argserver/release/internal/registry"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-github/v88/github"
)

func options(ctx context.Context) []remote.Option {
	return registry.Options(ctx, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// promote publishes a version: it gives an image, named by digest, the exact tag,
// makes the draft public, and then moves the floating tags. It returns the tags
// that it set. Nothing moves unless everything is as the workflow left it.
//
// Promotions may run at once, end in any order and be cut off anywhere. The next one
// completes whatever is public.
func promote(ctx context.Context, releases *releases, tag, image string) (moved []string, err error) {
	digest, err := name.NewDigest(image)
	if err != nil {
		return nil, err
	}
	version, err := tags.Exact(tag)
	if err != nil {
		return nil, err
	}
	draft, public, err := releases.find(ctx, tag)
	if err != nil {
		return nil, err
	}
	release := cmp.Or(public, draft)
	if release == nil {
		return nil, fmt.Errorf("%s/%s has no release of the tag %s and no draft of one", releases.owner, releases.name, tag)
	}
	if err := complete(release); err != nil {
		return nil, fmt.Errorf("the draft of the tag %s is not complete: %w: run all jobs again", tag, err)
	}
	if moved, err = setExact(ctx, digest, version); err != nil {
		return nil, explain(err, digest.Context())
	}

	stable, err := releases.stable(ctx)
	if err != nil {
		return moved, err
	}
	latest := !release.GetPrerelease() && slices.Contains(tags.Highest(append(slices.Collect(maps.Keys(stable)), version)), tags.Floating{Tag: "latest", Version: version})
	// The image first, so that nobody sees a release without one.
	if err := releases.publish(ctx, draft, public, latest); err != nil {
		return moved, err
	}

	// Another promotion may have read the releases before this one was public, and
	// write its tags later. So read everything again after each change.
	for range passes {
		more, changed, err := moveFloating(ctx, releases, digest.Context(), version)
		if err != nil {
			return moved, explain(err, digest.Context())
		}
		moved = append(moved, more...)
		if !changed {
			return moved, nil
		}
		time.Sleep(settle)
	}
	return moved, fmt.Errorf("the floating tags changed %d times: wait until no other promotion runs, and run this job again", passes)
}

const passes = 10

// settle is the time that GitHub and the registry have to show a change.
var settle = time.Second

// setExact gives an image the exact tag of a version, unless that is another image
// already.
func setExact(ctx context.Context, digest name.Digest, version string) (moved []string, err error) {
	image, err := remote.Get(digest, options(ctx)...)
	if err != nil {
		return nil, err
	}
	exact := digest.Context().Tag(version)
	there, err := remote.Head(exact, options(ctx)...)
	switch {
	case registry.NotFound(err):
		return []string{version}, remote.Tag(exact, image, options(ctx)...)
	case err != nil:
		return nil, err
	case there.Digest != image.Digest:
		return nil, fmt.Errorf("%s is %s already, and a version never changes: release %s under a new version", exact, there.Digest, image.Digest)
	}
	return nil, nil
}

// moveFloating gives every floating tag to the highest public stable version of its
// line, and makes that of all lines the latest release. A version whose image was
// deleted does not count. It says whether it changed anything.
func moveFloating(ctx context.Context, releases *releases, repository name.Repository, own string) (moved []string, changed bool, err error) {
	stable, err := releases.stable(ctx)
	if err != nil {
		return nil, false, err
	}
	present, err := remote.List(repository, options(ctx)...)
	if err != nil {
		return nil, false, err
	}
	maps.DeleteFunc(stable, func(version string, _ *github.RepositoryRelease) bool {
		// The list may not show a tag that was set a moment ago.
		return version != own && !slices.Contains(present, version)
	})
	for _, floating := range tags.Highest(slices.Collect(maps.Keys(stable))) {
		image, err := remote.Get(repository.Tag(floating.Version), options(ctx)...)
		if err != nil {
			return moved, changed, err
		}
		there, err := remote.Head(repository.Tag(floating.Tag), options(ctx)...)
		if err != nil && !registry.NotFound(err) {
			return moved, changed, err
		}
		if err != nil || there.Digest != image.Digest {
			if err := remote.Tag(repository.Tag(floating.Tag), image, options(ctx)...); err != nil {
				return moved, changed, err
			}
			moved, changed = append(moved, floating.Tag), true
		}
		if floating.Tag == "latest" {
			set, err := releases.setLatest(ctx, stable[floating.Version])
			if err != nil {
				return moved, changed, err
			}
			changed = changed || set
		}
	}
	return moved, changed, nil
}
