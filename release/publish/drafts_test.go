package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/internal/must"
	"argserver/release/standin"

	"github.com/google/go-github/v88/github"
)

func TestPublish(t *testing.T) {
	for _, c := range []struct {
		name     string
		releases []string // "tag draft" of each that is there
		latest   bool
		want     map[int64]string // "draft make_latest" of each that is left
		fails    string
	}{
		{"draft", []string{"v1.2.2 true", "v1.2.3 true"}, true, map[int64]string{1: "true <nil>", 2: "false true"}, ""},
		{"backport", []string{"v1.2.3 true"}, false, map[int64]string{1: "false false"}, ""},
		{"again", []string{"v1.2.3 false", "v1.2.3 true"}, true, map[int64]string{1: "false true"}, ""},
		{"none", []string{"v1.2.4 true"}, true, map[int64]string{1: "true <nil>"}, "owner/argserver has no release of the tag v1.2.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			gitHub, releases := startReleases(t)
			for _, text := range c.releases {
				tag, draft, _ := strings.Cut(text, " ")
				create(t, releases, tag, draft == "true")
			}
			must.Fail(t, releases.publish(t.Context(), "v1.2.3", c.latest), c.fails)
			got := make(map[int64]string)
			for id, release := range gitHub.Releases() {
				got[id] = fmt.Sprint(release["draft"], " ", release["make_latest"])
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("the releases are %v, want %v", got, c.want)
			}
		})
	}
}

// The API lists 30 files at once, so there are more.
func TestFiles(t *testing.T) {
	_, releases := startReleases(t)
	create(t, releases, "v1.2.3", true)
	want := make(map[string]string)
	upload := func(name, content string) {
		path := filepath.Join(t.TempDir(), name)
		must.Write(t, path, content)
		if err := releases.upload(t.Context(), "v1.2.3", path); err != nil {
			t.Fatal(err)
		}
		want[name] = content
	}
	for i := range 35 {
		upload(fmt.Sprint("file-", i), "first")
	}
	upload("file-0", "second")
	upload("file-34", "second")

	folder := t.TempDir()
	if err := releases.download(t.Context(), "v1.2.3", folder); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		got[entry.Name()] = must.Read(t, folder, entry.Name())
	}
	if !maps.Equal(got, want) {
		t.Errorf("the draft holds %v, want %v", got, want)
	}

	must.Fail(t, releases.upload(t.Context(), "v1.2.4", "x"), "no release of the tag v1.2.4")
	must.Fail(t, releases.upload(t.Context(), "v1.2.3", "missing"), "missing")
	if err := releases.publish(t.Context(), "v1.2.3", true); err != nil {
		t.Fatal(err)
	}
	must.Fail(t, releases.download(t.Context(), "v1.2.3", folder), "public: want a draft")
}

func TestNewReleases(t *testing.T) {
	for _, c := range []struct{ repository, token, want string }{
		{"owner/argserver", "token", ""},
		{"argserver", "token", `repository "argserver"`},
		{"owner/argserver", "", "a token of 0 characters"},
	} {
		_, err := newReleases(c.repository, c.token, "")
		must.Fail(t, err, c.want)
	}
}

// startReleases starts a stand-in for GitHub with the repository owner/argserver.
func startReleases(t *testing.T) (*standin.GitHub, *releases) {
	t.Helper()
	gitHub := standin.StartGitHub("owner/argserver", t.TempDir())
	t.Cleanup(gitHub.Close)
	releases, err := newReleases("owner/argserver", "token", gitHub.URL)
	if err != nil {
		t.Fatal(err)
	}
	return gitHub, releases
}

func create(t *testing.T, releases *releases, tag string, draft bool) {
	t.Helper()
	if _, _, err := releases.client.Repositories.CreateRelease(t.Context(), "owner", "argserver", &github.RepositoryRelease{
		TagName: &tag, Draft: &draft,
	}); err != nil {
		t.Fatal(err)
	}
}
