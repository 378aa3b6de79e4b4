package rehearsal

import (
	"io"
	"log"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestFloatingTags(t *testing.T) {
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
			if got := floatingTags(c.version, c.published); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPromote(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/owner/argserver"

	// push puts an index under no name that people use, and returns its digest.
	push := func() string {
		index, err := random.Index(1, 1, 9)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.WriteIndex(reference(t, repository+":sha-0123"), index); err != nil {
			t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return digest.String()
	}
	digests := make(map[string]string)
	for _, version := range []string{"1.3.0", "1.2.9", "1.4.0-rc.1"} {
		digests[version] = push()
		for range 2 { // a repeated run of the release does it again
			if _, err := Promote(t.Context(), repository+"@"+digests[version], "v"+version); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := push()
	for _, c := range []struct{ image, version, want string }{
		{repository + "@" + other, "v1.3.0", "1.3.0 is " + digests["1.3.0"] + " already"},
		{repository + "@" + other, "v1.2", `version "v1.2": want a semantic version`},
		{repository + "@" + other, "latest", `version "latest"`},
		{repository + "@sha256:" + strings.Repeat("0", 64), "v1.5.0", "MANIFEST_UNKNOWN"},
		{repository + ":sha-0123", "v1.5.0", "sha-0123"},
		{"Owner/argserver@" + other, "v1.5.0", "Owner/argserver"},
	} {
		_, err := Promote(t.Context(), c.image, c.version)
		wantError(t, err, c.want)
	}

	for tag, version := range map[string]string{"1.3.0": "1.3.0", "1.2.9": "1.2.9", "1.4.0-rc.1": "1.4.0-rc.1",
		"latest": "1.3.0", "1": "1.3.0", "1.3": "1.3.0", "1.2": "1.2.9", "1.4": "", "1.5.0": "", "1.5": ""} {
		got := ""
		if descriptor, err := remote.Head(reference(t, repository+":"+tag)); err == nil {
			got = descriptor.Digest.String()
		}
		if got != digests[version] {
			t.Errorf("%s is %q, want %q, the digest of %q", tag, got, digests[version], version)
		}
	}
}
