package tags

import (
	"fmt"
	"slices"
	"testing"
)

func TestExact(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3": "1.2.3", "v1.2.3-rc.1": "1.2.3-rc.1",
		"v1": "", "v1.2": "", "latest": "", "": "", "v1.2.3+build": "", "v01.2.3": "", "vv1.2.3": "",
	} {
		got, err := Exact(version)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Exact(%q) is %q (%v), want %q", version, got, err, want)
		}
	}
}

func TestHighest(t *testing.T) {
	for _, c := range []struct {
		name     string
		versions []string
		want     []string
	}{
		{"none", nil, nil},
		{"first", []string{"1.2.3"}, []string{"1.2 1.2.3", "1 1.2.3", "latest 1.2.3"}},
		{"by number, not by letter", []string{"1.9.0", "1.10.0"}, []string{"1.10 1.10.0", "1 1.10.0", "latest 1.10.0", "1.9 1.9.0"}},
		{"prereleases", []string{"1.2.3", "2.0.0-rc.1", "1.2.4-rc.1"}, []string{"1.2 1.2.3", "1 1.2.3", "latest 1.2.3"}},
		{"prerelease alone", []string{"2.0.0-rc.1"}, nil},
		{"lines", []string{"1.2.9", "2.0.0", "1.3.0", "1.2.8"},
			[]string{"2.0 2.0.0", "2 2.0.0", "latest 2.0.0", "1.3 1.3.0", "1 1.3.0", "1.2 1.2.9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range Highest(c.versions) {
				got = append(got, fmt.Sprint(f.Tag, " ", f.Version))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
