package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argserver/release/check"
	"argserver/release/internal/download"
	"argserver/release/internal/must"
	"argserver/release/internal/patiently"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// published is what GitHub and the registry show.
type published struct {
	*testing.T
	gitHub *standin.GitHub
	image  name.Repository
}

func newPublished(t *testing.T) *published {
	patiently.Waits, download.Waits = []time.Duration{0, 0}, nil
	p := &published{T: t, gitHub: standin.StartGitHub("owner/name", t.TempDir())}
	t.Cleanup(p.gitHub.Close)
	p.image = must.Reference(t, must.MemoryRegistry(t)+"/owner/name").Context()
	t.Setenv("GITHUB_SERVER_URL", p.gitHub.URL)
	t.Setenv("GITHUB_REPOSITORY", "owner/name")
	return p
}

// push pushes a new image that claims to be a version, and returns its name by digest.
func (p *published) push(version string, tags ...string) string {
	p.Helper()
	index, err := random.Index(100, 1, 1)
	if err != nil {
		p.Fatal(err)
	}
	index = mutate.Annotations(index, map[string]string{"org.opencontainers.image.version": version}).(v1.ImageIndex)
	for _, tag := range tags {
		if err := remote.WriteIndex(p.image.Tag(tag), index); err != nil {
			p.Fatal(err)
		}
	}
	digest, err := index.Digest()
	if err != nil {
		p.Fatal(err)
	}
	return p.image.Digest(digest.String()).String()
}

// release makes a public release, which becomes the latest one, and returns the folder
// of its files.
func (p *published) release(tag string) string {
	p.Helper()
	folder := p.gitHub.Assets(p.gitHub.AddByHand(tag, false))
	binaries := []string{"argserver_linux_amd64", "argserver_linux_arm64"}
	sums := ""
	for _, name := range check.Files(binaries) {
		must.Write(p.T, filepath.Join(folder, name), tag)
	}
	for _, name := range binaries {
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(tag)), name)
	}
	must.Write(p.T, filepath.Join(folder, check.SumsFile), sums)
	return folder
}

func TestFetch(t *testing.T) {
	binary := "argserver_linux_amd64"
	for _, c := range []struct {
		name    string
		tag     string
		arrange func(p *published) (image string)
		fails   string
	}{
		{"good", "v1.2.3", func(p *published) string {
			p.release("v1.2.3")
			return p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
		}, ""},
		{"prerelease", "v2.0.0-rc.1", func(p *published) string {
			p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
			p.release("v2.0.0-rc.1")
			p.release("v1.2.3")
			return p.push("2.0.0-rc.1", "2.0.0-rc.1")
		}, ""},
		{"a newer version moved every tag meanwhile", "v1.2.3", func(p *published) string {
			image := p.push("1.2.3", "1.2.3")
			p.push("1.2.4", "1.2.4", "1.2", "1", "latest")
			p.release("v1.2.3")
			p.release("v1.2.4")
			return image
		}, ""},
		{"backport", "v1.2.3", func(p *published) string {
			p.push("1.10.0", "1.10.0", "1.10", "1")
			p.push("2.0.0", "2.0.0", "2.0", "2", "latest")
			p.release("v1.2.3")
			p.release("v2.0.0")
			return p.push("1.2.3", "1.2.3", "1.2")
		}, ""},

		{"no exact tag", "v1.2.3", func(p *published) string { return p.push("1.2.3", "1.2", "1", "latest") }, "MANIFEST_UNKNOWN"},
		{"exact tag is another image", "v1.2.3", func(p *published) string {
			image := p.push("1.2.3", "1.2", "1", "latest")
			p.push("1.2.3", "1.2.3")
			return image
		}, `/owner/name:1.2.3 is sha256:`},
		{"exact tag is a higher version", "v1.2.3", func(p *published) string {
			image := p.push("1.2.3", "1.2", "1", "latest")
			p.push("1.2.4", "1.2.3", "1.2.4")
			return image
		}, `it claims to be version "1.2.4"`},
		{"no floating tag", "v1.2.3", func(p *published) string { return p.push("1.2.3", "1.2.3", "1.2", "1") }, "MANIFEST_UNKNOWN"},
		{"floating tag is a lower version", "v1.2.3", func(p *published) string {
			p.push("1.2.2", "1.2.2", "latest")
			return p.push("1.2.3", "1.2.3", "1.2", "1")
		}, `it claims to be version "1.2.2", want 1.2.3 or a higher version that the tag belongs to`},
		{"floating tag is a version of another line", "v1.2.3", func(p *published) string {
			p.push("1.3.0", "1.3.0", "1.2")
			return p.push("1.2.3", "1.2.3", "1", "latest")
		}, `it claims to be version "1.3.0", want 1.2.3 or a higher`},
		{"floating tag is a prerelease", "v1.2.3", func(p *published) string {
			p.push("1.3.0-rc.1", "1.3.0-rc.1", "latest")
			return p.push("1.2.3", "1.2.3", "1.2", "1")
		}, `it claims to be version "1.3.0-rc.1"`},
		{"floating tag is another image of the version", "v1.2.3", func(p *published) string {
			p.push("1.2.3", "latest")
			return p.push("1.2.3", "1.2.3", "1.2", "1")
		}, `it claims to be version "1.2.3"`},
		{"floating tag lies about a higher version", "v1.2.3", func(p *published) string {
			p.push("1.2.4", "latest")
			p.push("1.2.4", "1.2.4")
			return p.push("1.2.3", "1.2.3", "1.2", "1")
		}, "it claims to be version 1.2.4, but the tag 1.2.4 is sha256:"},
		{"floating tag claims a version that is not there", "v1.2.3", func(p *published) string {
			p.push("1.2.4", "latest")
			return p.push("1.2.3", "1.2.3", "1.2", "1")
		}, "MANIFEST_UNKNOWN"},

		{"draft", "v1.2.3", func(p *published) string {
			p.gitHub.AddByHand("v1.2.3", true)
			return p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
		}, "download/v1.2.3/checksums.txt: 404"},
		{"missing file", "v1.2.3", func(p *published) string {
			os.Remove(filepath.Join(p.release("v1.2.3"), "provenance.sigstore.json"))
			return p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
		}, "provenance.sigstore.json: 404"},
		{"damaged file", "v1.2.3", func(p *published) string {
			must.Write(p.T, filepath.Join(p.release("v1.2.3"), binary), "evil")
			return p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
		}, "download/v1.2.3: " + binary + ": SHA-256"},
		{"latest release is lower", "v1.2.3", func(p *published) string {
			p.release("v1.2.3")
			p.release("v1.2.2")
			return p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
		}, "the latest release of owner/name is 1.2.2, want 1.2.3 or a higher version"},
		{"latest release is no version", "v1.2.3", func(p *published) string {
			p.release("v1.2.3")
			p.release("nightly")
			return p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
		}, `tag/nightly: version "nightly"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPublished(t)
			must.Fail(t, fetch(t.Context(), c.tag, c.arrange(p)), c.fails)
		})
	}
}

// A cache shows the files of an older release at the URL of the latest one, for ever or
// for a while.
func TestFetchStale(t *testing.T) {
	for _, c := range []struct {
		stale int // answers
		what  string
		fails string
	}{
		{1, check.SumsFile, ""},
		{1, "argserver_linux_amd64", ""},
		{100, check.SumsFile, "latest/download: argserver_linux_"},
		{100, "argserver_linux_amd64", "latest/download: argserver_linux_amd64: SHA-256"},
		{100, "", "latest/download/checksums.txt is stale: it is not that of version 1.2.3"},
	} {
		t.Run(fmt.Sprint(c.what, " ", c.stale), func(t *testing.T) {
			p := newPublished(t)
			p.release("v1.2.2")
			p.release("v1.2.3")
			image := p.push("1.2.3", "1.2.3", "1.2", "1", "latest")
			inner := p.gitHub.Config.Handler
			p.gitHub.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/latest/download/"+c.what) && c.stale > 0 {
					c.stale--
					http.Redirect(w, r, strings.Replace(r.URL.Path, "latest/download", "download/v1.2.2", 1), http.StatusFound)
					return
				}
				inner.ServeHTTP(w, r)
			})
			must.Fail(t, fetch(t.Context(), "v1.2.3", image), c.fails)
		})
	}
}
