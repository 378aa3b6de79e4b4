package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
	"argserver/release/internal/patiently"
	"argserver/release/standin"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-github/v88/github"
)

// A world is a registry and a stand-in for GitHub. Both lag.
type world struct {
	*testing.T
	gitHub   *standin.GitHub
	releases *releases
	image    name.Repository
	real     name.Repository   // the same one, which shows every change
	digests  map[string]string // of each version
	// onWrite runs before each request that changes something.
	onWrite func(*http.Request)
	list    string // what the registry answers as the list of its tags, if not the truth
}

func newWorld(t *testing.T) *world {
	settle = 0
	w := &world{T: t, digests: make(map[string]string)}
	hook := func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			if w.onWrite != nil && request.Method != http.MethodGet && request.Method != http.MethodHead {
				w.onWrite(request)
			}
			if w.list != "" && strings.HasSuffix(request.URL.Path, "/tags/list") {
				io.WriteString(response, w.list)
				return
			}
			inner.ServeHTTP(response, request)
		})
	}
	w.gitHub, w.releases = startReleases(t)
	w.gitHub.Config.Handler = hook(w.gitHub.Config.Handler)
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	w.real = start(t, real)
	w.image = start(t, hook(standin.NewLaggingRegistry(real, 6)))
	return w
}

// start starts a registry with the repository owner/name.
func start(t *testing.T, registry http.Handler) name.Repository {
	t.Helper()
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	return must.Reference(t, strings.TrimPrefix(server.URL, "http://")+"/owner/name").Context()
}

// prepare does what the workflow does before it promotes a version: it pushes an
// image under a tag that nobody uses, and makes a draft. It keeps an image that it
// has pushed already.
func (w *world) prepare(version string) {
	w.Helper()
	create(w.T, w.releases, "v"+version, true, "checksums.txt")
	if w.digests[version] == "" {
		w.digests[version] = w.push(version)
	}
}

// push returns the digest of a new image of a version.
func (w *world) push(version string) string {
	w.Helper()
	index, err := random.Index(1, 1, 9)
	if err != nil {
		w.Fatal(err)
	}
	index = mutate.Annotations(index, map[string]string{"org.opencontainers.image.version": version}).(v1.ImageIndex)
	if err := remote.WriteIndex(w.image.Tag("sha-0123"), index); err != nil {
		w.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		w.Fatal(err)
	}
	return digest.String()
}

func (w *world) promote(ctx context.Context, version string) error {
	_, err := promote(ctx, w.releases, "v"+version, w.image.Digest(w.digests[version]).String(), files(w.T, signed...))
	return err
}

// published maps every tag in the registry to its version.
func (w *world) published() map[string]string {
	w.Helper()
	versions := make(map[string]string)
	for version, digest := range w.digests {
		versions[digest] = version
	}
	got := make(map[string]string)
	names, err := remote.List(w.real)
	if err != nil {
		w.Fatal(err)
	}
	for _, tag := range names {
		if tag == "sha-0123" {
			continue
		}
		descriptor, err := remote.Head(w.real.Tag(tag))
		if err != nil {
			w.Fatal(err)
		}
		got[tag] = versions[descriptor.Digest.String()]
	}
	return got
}

// latest is the tag of the latest release.
func (w *world) latest() string {
	w.Helper()
	release, _, err := w.releases.client.Repositories.GetLatestRelease(w.Context(), "owner", "name")
	if err != nil {
		return ""
	}
	return release.GetTagName()
}

// public lists the versions with a public release.
func (w *world) public() []string {
	var versions []string
	for _, release := range w.gitHub.Releases() {
		if release["draft"] == false {
			versions = append(versions, strings.TrimPrefix(release["tag_name"].(string), "v"))
		}
	}
	slices.Sort(versions)
	return versions
}

func TestPromote(t *testing.T) {
	w := newWorld(t)
	for _, version := range []string{"1.3.0", "1.2.9", "1.4.0-rc.1"} {
		for range 2 { // The second time is a repeated run, with a new draft.
			w.prepare(version)
			must.Fail(t, w.promote(t.Context(), version), "")
		}
	}
	want := map[string]string{"1.3.0": "1.3.0", "1.2.9": "1.2.9", "1.4.0-rc.1": "1.4.0-rc.1",
		"latest": "1.3.0", "1": "1.3.0", "1.3": "1.3.0", "1.2": "1.2.9"}
	if got := w.published(); !maps.Equal(got, want) {
		t.Errorf("the tags are %v, want %v", got, want)
	}
	if got := w.latest(); got != "v1.3.0" {
		t.Errorf("the latest release is %s, want v1.3.0", got)
	}
	for id, release := range w.gitHub.Releases() {
		if release["draft"] != false {
			t.Errorf("the release %d is %v, want no draft left", id, release)
		}
	}

	w.prepare("1.5.0")
	create(t, w.releases, "v1.6.0", true, "checksums.txt", "evil")
	other := w.push("1.5.0")
	state := fmt.Sprint(w.published(), w.gitHub.Releases())
	for _, c := range []struct{ image, version, want string }{
		{w.image.Digest(other).String(), "v1.3.0", "1.3.0 is " + w.digests["1.3.0"] + " already"},
		{w.image.Digest(other).String(), "v1.2", `version "v1.2": want a semantic version`},
		{w.image.Digest(other).String(), "latest", `version "latest"`},
		{w.image.Digest(other).String(), "v1.7.0", "owner/name has no release of the tag v1.7.0"},
		{w.image.Digest(other).String(), "v1.6.0", "the draft of the tag v1.6.0 has evil with"},
		{w.image.Digest("sha256:" + strings.Repeat("0", 64)).String(), "v1.5.0", "MANIFEST_UNKNOWN"},
		{w.image.Tag("sha-0123").String(), "v1.5.0", "sha-0123"},
		{"Owner/name@" + other, "v1.5.0", "Owner/name"},
	} {
		_, err := promote(t.Context(), w.releases, c.version, c.image, files(t, signed...))
		must.Fail(t, err, c.want)
	}
	_, err := promote(t.Context(), w.releases, "v1.5.0", w.image.Digest(other).String(), files(t, "checksums.txt"))
	must.Fail(t, err, "checksums.txt.sigstore.json: no such file")
	if got := fmt.Sprint(w.published(), w.gitHub.Releases()); got != state {
		t.Errorf("the refused promotions leave %s, want what was there before: %s", got, state)
	}
}

// Three versions are promoted in any order, and the second promotion is cut off
// before any of its changes. What is public must always be consistent after the third,
// and complete once the second is repeated.
func TestPromoteCutOff(t *testing.T) {
	for _, order := range [][]string{
		{"1.2.9", "1.3.0", "1.3.1"}, {"1.2.9", "1.3.1", "1.3.0"}, {"1.3.0", "1.2.9", "1.3.1"},
		{"1.3.0", "1.3.1", "1.2.9"}, {"1.3.1", "1.2.9", "1.3.0"}, {"1.3.1", "1.3.0", "1.2.9"},
		{"1.3.0", "1.3.1", "1.4.0"}, {"1.3.0", "2.0.0", "1.4.0"},
	} {
		for cut, done := 1, false; !done; cut++ {
			t.Run(fmt.Sprint(order, " cut off before change ", cut), func(t *testing.T) {
				w := newWorld(t)
				for _, version := range order {
					w.prepare(version)
				}
				must.Fail(t, w.promote(t.Context(), order[0]), "")
				ctx, cancel := context.WithCancel(t.Context())
				changes := 0
				w.onWrite = func(request *http.Request) {
					if changes++; changes == cut {
						cutOff(request, cancel)
					}
				}
				done = w.promote(ctx, order[1]) == nil
				w.onWrite = nil
				if done != (changes < cut) {
					t.Fatalf("the second promotion is done: %v, after %d changes", done, changes)
				}

				must.Fail(t, w.promote(t.Context(), order[2]), "")
				w.checkTags(w.public(), "after the third")
				must.Fail(t, w.promote(t.Context(), order[1]), "")
				w.checkTags(order, "after the second again")
				if got := w.public(); len(got) != 3 {
					t.Errorf("the public releases are %v, want three", got)
				}
			})
		}
	}
}

// cutOff ends a promotion, whose context cancel cancels, in the middle of a request.
func cutOff(request *http.Request, cancel func()) {
	cancel()
	io.Copy(io.Discard, request.Body) // or the server does not see that the client is gone
	<-request.Context().Done()
	panic(http.ErrAbortHandler)
}

// checkTags compares the floating tags and the latest release with the highest of
// some versions. Exact tags may exist for versions that are not public.
func (w *world) checkTags(public []string, when string) {
	w.Helper()
	published := w.published()
	highest := tags.Highest(public)
	for _, floating := range highest {
		if got := published[floating.Tag]; got != floating.Version {
			w.Errorf("%s, %s is %q, want %s", when, floating.Tag, got, floating.Version)
		}
		if floating.Tag == "latest" && w.latest() != "v"+floating.Version {
			w.Errorf("%s, the latest release is %s, want v%s", when, w.latest(), floating.Version)
		}
		delete(published, floating.Tag)
	}
	for tag, version := range published {
		if tag != version {
			w.Errorf("%s, there is a tag %s for %s", when, tag, version)
		}
	}
}

// A higher version is promoted between what a promotion reads and what it writes.
func TestPromoteAtOnce(t *testing.T) {
	for _, when := range []string{"/manifests/1.3.0", "/releases/", "/manifests/1.3", "/manifests/1", "/manifests/latest"} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t)
			w.prepare("1.3.0")
			w.prepare("1.4.0")
			met := false
			w.onWrite = func(request *http.Request) {
				if strings.HasSuffix(request.URL.Path, when) || when == "/releases/" && strings.Contains(request.URL.Path, when) {
					w.onWrite, met = nil, true
					must.Fail(t, w.promote(t.Context(), "1.4.0"), "")
				}
			}
			must.Fail(t, w.promote(t.Context(), "1.3.0"), "")
			if !met {
				t.Error("the higher version was not promoted in between")
			}
			w.checkTags([]string{"1.3.0", "1.4.0"}, "at the end")
		})
	}
}

// A release that was taken back gives its floating tags to the next lower version,
// when that one is promoted again.
func TestPromoteTakenBack(t *testing.T) {
	for name, takeBack := range map[string]func(w *world, id int64) error{
		"deleted": func(w *world, id int64) error {
			_, err := w.releases.client.Repositories.DeleteRelease(w.Context(), "owner", "name", id)
			return err
		},
		"marked as a prerelease": func(w *world, id int64) error {
			_, _, err := w.releases.client.Repositories.EditRelease(w.Context(), "owner", "name", id, &github.RepositoryRelease{Prerelease: new(true)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, version := range []string{"1.3.0", "1.3.1"} {
				w.prepare(version)
				must.Fail(t, w.promote(t.Context(), version), "")
			}
			for id, release := range w.gitHub.Releases() {
				if release["tag_name"] == "v1.3.1" {
					must.Fail(t, takeBack(w, id), "")
				}
			}
			must.Fail(t, w.promote(t.Context(), "1.3.0"), "")
			w.checkTags([]string{"1.3.0"}, "at the end")
		})
	}
}

// GitHub's list may lack a release for days. The release keeps its floating tags and
// stays the latest one, even if its promotion was cut off before it set those tags.
func TestPromoteUnlisted(t *testing.T) {
	for _, c := range []struct {
		before []string
		cut    bool
	}{
		{[]string{"1.3.0", "1.3.1"}, false},
		{[]string{"1.3.0", "1.3.1"}, true},
		{[]string{"1.3.1"}, false},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			w := newWorld(t)
			for _, version := range c.before {
				w.prepare(version)
				ctx, cancel := context.WithCancel(t.Context())
				w.onWrite = func(request *http.Request) {
					if c.cut && version == "1.3.1" && strings.HasSuffix(request.URL.Path, "/manifests/1.3") {
						cutOff(request, cancel)
					}
				}
				if err := w.promote(ctx, version); (err == nil) != (ctx.Err() == nil) {
					t.Fatalf("the promotion of %s returns %v", version, err)
				}
				cancel()
			}
			w.onWrite = nil
			w.gitHub.Unlist("v1.3.1")
			w.prepare("1.2.9")
			must.Fail(t, w.promote(t.Context(), "1.2.9"), "")
			w.checkTags(append(c.before, "1.2.9"), "at the end")
		})
	}
}

// A promotion needs no second try for what it has changed itself.
func TestPromoteKnown(t *testing.T) {
	w := newWorld(t)
	w.prepare("1.3.0")
	w.gitHub.Settle()
	patiently.Waits = nil
	must.Fail(t, w.promote(t.Context(), "1.3.0"), "")
	w.checkTags([]string{"1.3.0"}, "at the end")
}

// A release by hand of a higher version does not count, even if its version has an
// image, because the promotion that set the exact tag was cut off.
func TestPromoteBesideByHand(t *testing.T) {
	w := newWorld(t)
	w.gitHub.AddByHand("v9.0.0", false)
	w.prepare("1.3.0")
	index, err := random.Index(1, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(w.image.Tag("9.0.0"), index); err != nil {
		t.Fatal(err)
	}
	must.Fail(t, w.promote(t.Context(), "1.3.0"), "")
	published := w.published()
	for _, tag := range []string{"1.3.0", "1.3", "1", "latest"} {
		if published[tag] != "1.3.0" {
			t.Errorf("%s is %q, want 1.3.0", tag, published[tag])
		}
	}
	if got := w.latest(); got != "v1.3.0" {
		t.Errorf("the latest release is %s, want v1.3.0", got)
	}
}

// An image that was deleted since leaves its floating tags to the next lower version.
// A registry may also not list a tag that was set a moment ago.
func TestPromoteByList(t *testing.T) {
	w := newWorld(t)
	for _, version := range []string{"1.3.0", "1.3.1"} {
		w.prepare(version)
		must.Fail(t, w.promote(t.Context(), version), "")
	}
	if err := remote.Delete(w.real.Tag("1.3.1")); err != nil {
		t.Fatal(err)
	}
	w.prepare("1.2.9")
	w.list = `{"name": "owner/name", "tags": ["1.3.0", "1.3", "1", "latest"]}`
	must.Fail(t, w.promote(t.Context(), "1.2.9"), "")
	w.list = ""
	published := w.published()
	for tag, version := range map[string]string{"1.2": "1.2.9", "1.3": "1.3.0", "1": "1.3.0", "latest": "1.3.0"} {
		if published[tag] != version {
			t.Errorf("%s is %q, want %s", tag, published[tag], version)
		}
	}
}
