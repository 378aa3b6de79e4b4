package rehearsal

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/semver"
)

// Promote puts the floating tags of a version, which its repository must hold
// already, onto it, and returns those tags. A prerelease has none; of a stable
// version 1.2.3 they are 1.2, 1 and latest, each only where the repository has
// no higher stable version that it would stand for. The version may have a
// leading v, as a git tag has. To repeat it is harmless.
func Promote(repository, version string) ([]string, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, err
	}
	v := "v" + strings.TrimPrefix(version, "v")
	if semver.Canonical(v) != v {
		return nil, fmt.Errorf("version %q: want a semantic version, such as 1.2.3 or v1.2.3-rc.1", version)
	}
	auth := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	release, err := remote.Get(repo.Tag(v[1:]), auth)
	if err != nil {
		return nil, err
	}
	published, err := remote.List(repo, auth)
	if err != nil {
		return nil, err
	}
	tags := floatingTags(v, published)
	for _, tag := range tags {
		if err := remote.Tag(repo.Tag(tag), release, auth); err != nil {
			return nil, err
		}
	}
	return tags, nil
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
