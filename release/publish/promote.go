package main

import (
	"context"
	"fmt"
	"net/http"

	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// promote gives an image, named by digest, the tags that belong to its version and
// returns them. It is safe to repeat. If the exact version is another image
// already, it changes nothing.
func promote(ctx context.Context, version, image string) ([]string, error) {
	digest, err := name.NewDigest(image)
	if err != nil {
		return nil, err
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	index, err := remote.Get(digest, options...)
	if err != nil {
		return nil, err
	}
	tags, err := tags.Of(digest.Context(), version, options...)
	if err != nil {
		return nil, err
	}
	exact := digest.Context().Tag(tags[0])
	if other, err := remote.Head(exact, options...); err == nil && other.Digest != index.Digest {
		return nil, fmt.Errorf("%s is %s already, and a version never changes: release %s under a new version", exact, other.Digest, index.Digest)
	} else if err != nil && !isNotFound(err) {
		return nil, err
	}
	for _, tag := range tags {
		if err := remote.Tag(digest.Context().Tag(tag), index, options...); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

func isNotFound(err error) bool {
	failed, ok := err.(*transport.Error)
	return ok && failed.StatusCode == http.StatusNotFound
}
