// Package tags tells which tags an image has in a registry, given the versions of
// the program.
package tags

import (
	"fmt"
	"slices"
	"strings"

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

// Lines returns the floating tags whose lines a version belongs to: 1.2, 1 and
// latest for 1.2.3, none for a prerelease. The version is an exact tag.
func Lines(version string) []string {
	v := "v" + version
	if semver.Prerelease(v) != "" {
		return nil
	}
	return []string{semver.MajorMinor(v)[1:], semver.Major(v)[1:], "latest"}
}

// A Floating is a tag that moves, and the version that it belongs to.
type Floating struct{ Tag, Version string }

// Highest returns every floating tag of some versions. Each belongs to the highest
// stable version of its line.
func Highest(versions []string) []Floating {
	versions = slices.SortedFunc(slices.Values(versions), func(a, b string) int { return Compare(b, a) })
	var all []Floating
	for _, version := range versions {
		for _, tag := range Lines(version) {
			if !slices.ContainsFunc(all, func(f Floating) bool { return f.Tag == tag }) {
				all = append(all, Floating{tag, version})
			}
		}
	}
	return all
}

// Compare is negative if a is the lower version and positive if b is.
func Compare(a, b string) int {
	return semver.Compare("v"+a, "v"+b)
}
