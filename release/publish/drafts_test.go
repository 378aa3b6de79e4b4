package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/must"
	"argserver/release/internal/patiently"
	"argserver/release/standin"

	"github.com/google/go-github/v88/github"
)

// What somebody made by hand is refused by every command, and stays as it is.
func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name          string
		arrange       func(t *testing.T, gitHub *standin.GitHub, releases *releases)
		draft, public bool // whether find returns one
		fails         string
	}{
		{"none", func(t *testing.T, g *standin.GitHub, r *releases) { create(t, r, "v1.2.4", true) }, false, false, ""},
		{"draft", func(t *testing.T, g *standin.GitHub, r *releases) { create(t, r, "v1.2.3", true, signed...) }, true, false, ""},
		// A run that failed early leaves it behind.
		{"draft without files", func(t *testing.T, g *standin.GitHub, r *releases) { create(t, r, "v1.2.3", true) }, true, false, ""},
		{"repeated run", func(t *testing.T, g *standin.GitHub, r *releases) {
			create(t, r, "v1.2.3", false, signed...)
			create(t, r, "v1.2.3", true, signed...)
		}, true, true, ""},
		{"release by hand", func(t *testing.T, g *standin.GitHub, r *releases) {
			create(t, r, "v1.2.3", true, signed...)
			g.AddByHand("v1.2.3", false)
		}, false, false, `the public release "By hand" of the tag v1.2.3 was not made by the workflow: it lacks checksums.txt: delete it on the web page`},
		{"immutable release by hand", func(t *testing.T, g *standin.GitHub, r *releases) {
			id := g.AddByHand("v1.2.3", false)
			g.Releases()[id]["immutable"] = true
		}, false, false, "it lacks checksums.txt: it is immutable, and GitHub lets nobody use its tag again, so release the next version"},
		{"release by another workflow", func(t *testing.T, g *standin.GitHub, r *releases) {
			create(t, r, "v1.2.3", false, "checksums.txt")
		}, false, false, `it lacks checksums.txt.sigstore.json: delete it`},
		{"draft by hand", func(t *testing.T, g *standin.GitHub, r *releases) { g.AddByHand("v1.2.3", true) }, false, false,
			`somebody made the draft "By hand" of the tag v1.2.3, want one made by the workflow alone: delete it on the web page`},
		{"draft by hand beside ours", func(t *testing.T, g *standin.GitHub, r *releases) {
			g.AddByHand("v1.2.3", true)
			create(t, r, "v1.2.3", true, signed...)
		}, false, false, `somebody made the draft "By hand"`},
		{"two drafts", func(t *testing.T, g *standin.GitHub, r *releases) {
			create(t, r, "v1.2.3", true, signed...)
			create(t, r, "v1.2.3", true, signed...)
		}, false, false, "the tag v1.2.3 has two drafts"},
		{"release by hand of another tag", func(t *testing.T, g *standin.GitHub, r *releases) { g.AddByHand("v1.2.4", false) }, false, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			gitHub, releases := startReleases(t)
			c.arrange(t, gitHub, releases)
			gitHub.Settle()
			before := fmt.Sprint(gitHub.Releases())
			draft, public, err := releases.find(t.Context(), "v1.2.3")
			must.Fail(t, err, c.fails)
			if (draft != nil) != c.draft || (public != nil) != c.public {
				t.Errorf("it finds the draft %v and the release %v, want a draft: %v, and a release: %v", draft, public, c.draft, c.public)
			}
			if c.fails == "" {
				return
			}
			_, err = promote(t.Context(), releases, "v1.2.3", "127.0.0.1:1/owner/name@sha256:"+strings.Repeat("0", 64), t.TempDir())
			must.Fail(t, err, c.fails)
			must.Fail(t, releases.compare(t.Context(), "v1.2.3", t.TempDir()), c.fails)
			must.Fail(t, check(t.Context(), releases, "v1.2.3", "127.0.0.1:1/owner/name"), c.fails)
			if after := fmt.Sprint(gitHub.Releases()); after != before {
				t.Errorf("the releases are %s, want them as before: %s", after, before)
			}
		})
	}
}

// The API lists 30 files at once, so there are more.
func TestFiles(t *testing.T) {
	_, releases := startReleases(t)
	create(t, releases, "v1.2.3", true)
	draft, err := releases.draft(t.Context(), "v1.2.3")
	must.Fail(t, err, "")
	var names []string
	for i := range 35 {
		names = append(names, fmt.Sprint("file-", i))
	}
	folder := files(t, names...)
	paths, err := filepath.Glob(folder + "/*")
	must.Fail(t, err, "")
	must.Fail(t, releases.upload(t.Context(), draft, paths...), "")
	must.Fail(t, releases.compare(t.Context(), "v1.2.3", folder), "")

	for _, name := range []string{"file-0", "file-34"} {
		path := filepath.Join(folder, name)
		must.Write(t, path, "second")
		must.Fail(t, releases.compare(t.Context(), "v1.2.3", folder), "the draft of the tag v1.2.3 has "+name+` with "sha256:`)
		must.Fail(t, releases.upload(t.Context(), draft, path), "")
		must.Fail(t, releases.compare(t.Context(), "v1.2.3", folder), "")
	}
	must.Write(t, filepath.Join(folder, "more"), "")
	must.Fail(t, releases.compare(t.Context(), "v1.2.3", folder), "the draft of the tag v1.2.3 lacks more")
	for _, name := range []string{"more", "file-1"} {
		must.Fail(t, os.Remove(filepath.Join(folder, name)), "")
	}
	must.Fail(t, releases.compare(t.Context(), "v1.2.3", folder), "the draft of the tag v1.2.3 has file-1 with")

	must.Fail(t, releases.compare(t.Context(), "v1.2.4", folder), "has no draft of the tag v1.2.4 (public release: false)")
	must.Fail(t, releases.upload(t.Context(), draft, "missing"), "missing")
	create(t, releases, "v1.2.5", false, signed...)
	must.Fail(t, releases.compare(t.Context(), "v1.2.5", folder), "has no draft of the tag v1.2.5 (public release: true)")
}

func TestNewReleases(t *testing.T) {
	for _, c := range []struct{ repository, token, want string }{
		{"owner/name", "token", ""},
		{"name", "token", `repository "name"`},
		{"owner/name", "", "a token of 0 characters"},
	} {
		_, err := newReleases(c.repository, c.token, "")
		must.Fail(t, err, c.want)
	}
}

// startReleases starts a stand-in for GitHub with the repository owner/name.
func startReleases(t *testing.T) (*standin.GitHub, *releases) {
	t.Helper()
	patiently.Waits = make([]time.Duration, 7)
	gitHub := standin.StartGitHub("owner/name", t.TempDir())
	t.Cleanup(gitHub.Close)
	releases, err := newReleases("owner/name", "token", gitHub.URL)
	if err != nil {
		t.Fatal(err)
	}
	return gitHub, releases
}

// create makes a release as the workflow does.
func create(t *testing.T, releases *releases, tag string, draft bool, names ...string) {
	t.Helper()
	release, _, err := releases.client.Repositories.CreateRelease(t.Context(), "owner", "name", &github.RepositoryRelease{
		TagName: &tag, Draft: &draft,
	})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(files(t, names...) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	if err := releases.upload(t.Context(), release, paths...); err != nil {
		t.Fatal(err)
	}
}

// files returns a folder with files.
func files(t *testing.T, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		must.Write(t, filepath.Join(folder, name), "content of "+name)
	}
	return folder
}
