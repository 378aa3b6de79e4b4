package tags

import (
	"slices"
	"testing"

	"argserver/release/internal/must"
)

func TestExact(t *testing.T) {
	for _, c := range []struct{ version, want, fails string }{
		{"v1.2.3", "1.2.3", ""},
		{"1.2.3", "1.2.3", ""},
		{"v1.2.3-rc.1", "1.2.3-rc.1", ""},
		{"v1", "", `version "v1"`},
		{"v1.2", "", `version "v1.2"`},
		{"v1.2.3.4", "", `version "v1.2.3.4"`},
		{"v01.2.3", "", `version "v01.2.3"`},
		{"vv1.2.3", "", `version "vv1.2.3"`},
		{"v1.2.3+build", "", "without build metadata"},
		{"version-one", "", `version "version-one"`},
		{"", "", `version ""`},
	} {
		got, err := Exact(c.version)
		must.Fail(t, err, c.fails)
		if got != c.want {
			t.Errorf("%q is %q, want %q", c.version, got, c.want)
		}
	}
}

func TestFloating(t *testing.T) {
	for _, c := range []struct {
		name, version string
		published     []string
		want          []string
	}{
		{"first", "v1.2.3", []string{"1.2.3"}, []string{"1.2", "1", "latest"}},
		{"next", "v1.2.3", []string{"1.2.2", "1.2.3", "1.2", "1", "latest"}, []string{"1.2", "1", "latest"}},
		{"by number, not by letter", "v1.10.0", []string{"1.9.0", "1.10.0"}, []string{"1.10", "1", "latest"}},
		{"prerelease", "v2.0.0-rc.1", []string{"1.2.3", "2.0.0-rc.1"}, nil},
		{"after its prerelease", "v2.0.0", []string{"2.0.0", "2.0.0-rc.1", "2.0.1-rc.1"}, []string{"2.0", "2", "latest"}},
		{"backport to a minor", "v1.2.9", []string{"1.2.8", "1.3.0", "1.2.9"}, []string{"1.2"}},
		{"backport to a major", "v1.3.1", []string{"1.3.0", "2.0.0", "1.3.1"}, []string{"1.3", "1"}},
		{"superseded", "v1.2.3", []string{"1.2.3", "1.2.4"}, nil},
		{"tags of other kinds", "v1.2.3", []string{"1.2.3", "sha-0123", "9", "edge", "2.0"}, []string{"1.2", "1", "latest"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := floating(c.version, c.published); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
