package main

import (
	"strings"
	"testing"

	"argserver/release/internal/must"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestPromote(t *testing.T) {
	repository := must.MemoryRegistry(t) + "/owner/argserver"

	// push puts an index under no name that people use, and returns its digest.
	push := func() string {
		index, err := random.Index(1, 1, 9)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.WriteIndex(must.Reference(t, repository+":sha-0123"), index); err != nil {
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
			if _, err := promote(t.Context(), "v"+version, repository+"@"+digests[version]); err != nil {
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
		_, err := promote(t.Context(), c.version, c.image)
		must.Fail(t, err, c.want)
	}

	for tag, version := range map[string]string{"1.3.0": "1.3.0", "1.2.9": "1.2.9", "1.4.0-rc.1": "1.4.0-rc.1",
		"latest": "1.3.0", "1": "1.3.0", "1.3": "1.3.0", "1.2": "1.2.9", "1.4": "", "1.5.0": "", "1.5": ""} {
		got := ""
		if descriptor, err := remote.Head(must.Reference(t, repository+":"+tag)); err == nil {
			got = descriptor.Digest.String()
		}
		if got != digests[version] {
			t.Errorf("%s is %q, want %q, the digest of %q", tag, got, digests[version], version)
		}
	}
}
