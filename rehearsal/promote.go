package rehearsal

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/mod/semver"
)

// Promote gives an image, a reference by digest such as
// ghcr.io/owner/argserver@sha256:..., the tags of a version and returns them.
// First comes the exact version, which must not be another image's already. A
// prerelease has no other; a stable version such as 1.2.3 has 1.2, 1 and latest,
// each only where the repository has no higher stable version that it would
// stand for. The version may have a leading v, as a git tag has. To repeat it is
// harmless.
func Promote(ctx context.Context, image, version string) ([]string, error) {
	digest, err := name.NewDigest(image)
	if err != nil {
		return nil, err
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	index, err := remote.Get(digest, options...)
	if err != nil {
		return nil, err
	}
	tags, err := Tags(digest.Context(), version, options...)
	if err != nil {
		return nil, err
	}
	exact := digest.Context().Tag(tags[0])
	if other, err := remote.Head(exact, options...); err == nil && other.Digest != index.Digest {
		return nil, fmt.Errorf("%s is %s already, and never becomes another image: release %s under a new version", exact, other.Digest, index.Digest)
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

// Tags are the tags that belong to a version, which may have a leading v, where
// the repository of an image has the tags that it has now.
func Tags(repository name.Repository, version string, options ...remote.Option) ([]string, error) {
	v := "v" + strings.TrimPrefix(version, "v")
	if semver.Canonical(v) != v {
		return nil, fmt.Errorf("version %q: want a semantic version, such as 1.2.3 or v1.2.3-rc.1", version)
	}
	published, err := remote.List(repository, options...)
	if err != nil {
		return nil, err
	}
	return append([]string{v[1:]}, floatingTags(v, published)...), nil
}

// floatingTags are the floating tags that belong to v, a canonical semantic
// version, where these tags are published.
func floatingTags(v string, published []string) []string {
	if semver.Prerelease(v) != "" {
		return nil
	}
	minor, major := semver.MajorMinor(v), semver.Major(v)
	highest := map[string]bool{minor: true, major: true, "latest": true}
	for _, tag := range published {
		other := "v" + tag
		// 1.2 and 1 are versions to semver as well, but not canonical.
		if semver.Canonical(other) != other || semver.Prerelease(other) != "" || semver.Compare(other, v) <= 0 {
			continue
		}
		highest["latest"] = false
		if semver.Major(other) == major {
			highest[major] = false
		}
		if semver.MajorMinor(other) == minor {
			highest[minor] = false
		}
	}
	var tags []string
	for _, tag := range []string{minor, major, "latest"} {
		if highest[tag] {
			tags = append(tags, strings.TrimPrefix(tag, "v"))
		}
	}
	return tags
}
