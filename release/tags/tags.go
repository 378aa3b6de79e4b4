// Package tags tells which tags in a registry belong to a version.
package tags

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/semver"
)

// Exact returns the tag of a version and of no other. The version may begin with v,
// as a Git tag does. Build metadata is refused, because a tag in a registry cannot
// contain a +.
func Exact(version string) (string, error) {
	v := "v" + strings.TrimPrefix(version, "v")
	if semver.Canonical(v) != v {
		return "", fmt.Errorf("version %q: want a semantic version of three numbers, without build metadata, such as 1.2.3 or v1.2.3-rc.1", version)
	}
	return v[1:], nil
}

// Of returns the tags that belong to a version, given the versions that the
// repository of an image has now. The first is the exact version. A stable version
// such as 1.2.3 also has 1.2, 1 and latest, each unless the repository has a higher
// stable version that the tag belongs to; a prerelease has no other tag. The version
// may begin with v, as a Git tag does.
func Of(repository name.Repository, version string, options ...remote.Option) ([]string, error) {
	exact, err := Exact(version)
	if err != nil {
		return nil, err
	}
	published, err := remote.List(repository, options...)
	if err != nil {
		return nil, err
	}
	return append([]string{exact}, floating("v"+exact, published)...), nil
}

// floating returns the floating tags that belong to v, a canonical semantic
// version, given the published tags.
func floating(v string, published []string) []string {
	if semver.Prerelease(v) != "" {
		return nil
	}
	minor, major := semver.MajorMinor(v), semver.Major(v)
	highest := map[string]bool{minor: true, major: true, "latest": true}
	for _, tag := range published {
		other := "v" + tag
		// To semver, 1.2 and 1 are versions too, but not canonical ones.
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
