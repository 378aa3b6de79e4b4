// Package rehearsal rehearses a release: it releases the commit that is checked out in
// the folder SOURCE, by default this repository, without publishing anything, and uses
// the result as its users will. It has tests only, and none of them knows which program
// it releases.
package rehearsal

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/machine"
	"argserver/release/notes"
	"argserver/release/smoke"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// rehearsed is the release under test.
type rehearsed struct {
	*build.Release
	name  string // of the program
	smoke *smoke.Test
}

// source is the folder of the repository to release.
var source = cmp.Or(os.Getenv("SOURCE"), "../..")

func TestRehearsal(t *testing.T) {
	if err := build.CheckConfig(source); err != nil {
		t.Fatal(err)
	}
	if _, err := smoke.Load(source); err != nil {
		t.Fatal(err)
	}
	architectures, err := build.Architectures(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := machine.Check(t.Context(), architectures); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r := rehearse(t)
	released := time.Since(start)

	t.Run("binaries", r.testBinaries)
	t.Run("sums", r.testSums)
	t.Run("notes", r.testNotes)
	t.Run("index", r.testIndex)
	t.Run("run", func(t *testing.T) {
		for _, b := range r.Binaries {
			if b.Platform.OS == "linux" {
				t.Run(b.Platform.String(), func(t *testing.T) {
					t.Parallel()
					if err := r.smoke.Binary(t.Context(), t.Output(), b.Path, b.Platform, r.Metadata); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
	t.Run("image", func(t *testing.T) {
		for _, p := range r.Platforms {
			t.Run(p.String(), func(t *testing.T) {
				t.Parallel()
				r.testImage(t, p)
			})
		}
	})
	t.Run("rebuild", r.testRebuild)

	if !t.Failed() {
		r.report(t, released, time.Since(start))
		r.handOn(t)
	}
}

// rehearse releases the commit that is checked out. The tag is the one that is
// being released, or one that the commit has, or one for rehearsals.
func rehearse(t *testing.T) rehearsed {
	t.Helper()
	project, err := build.LoadConfig(source)
	if err != nil {
		t.Fatal(err)
	}
	tags := strings.Fields(must.Run(t, source, "git", "tag", "--points-at=HEAD", "--sort=-version:refname", "v*"))
	r, err := build.Make(t.Context(), build.Options{
		Clone:      source,
		Commit:     must.Run(t, source, "git", "rev-parse", "HEAD"),
		Tag:        cmp.Or(os.Getenv("GORELEASER_CURRENT_TAG"), append(tags, "v0.0.0-rehearsal")[0]),
		Repository: cmp.Or(os.Getenv("GITHUB_REPOSITORY"), "OWNER/"+project.ProjectName),
		Registry:   must.Registry(t),
		Folder:     t.TempDir(),
		Log:        t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	test, err := smoke.Load(r.Clone)
	if err != nil {
		t.Fatal(err)
	}
	return rehearsed{r, project.ProjectName, test}
}

// testBinaries checks every binary by itself, and that nothing else was built or
// published.
func (r rehearsed) testBinaries(t *testing.T) {
	want := []string{check.SumsFile}
	for _, b := range r.Binaries {
		want = append(want, b.Name)
		if err := check.Binary([]byte(must.Read(t, b.Path)), b.Platform, r.Metadata.GoVersion); err != nil {
			t.Error(err)
		}
		if p, err := check.Platform(b.Name); err != nil || !p.Equals(b.Platform) {
			t.Errorf("%s is named after %s (%v), want %s", b.Name, p, err, b.Platform)
		}
	}
	slices.Sort(want)
	if got := names(t, r.Files); !slices.Equal(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
	built, err := filepath.Glob(filepath.Join(r.Clone, "dist", "*", r.name+"*"))
	if err != nil || len(built) != len(r.Binaries) {
		t.Errorf("dist/ contains the binaries %q (%v), want %d", built, err, len(r.Binaries))
	}
}

// testSums checks a download with the commands that users type, as it is and with
// one bit changed.
func (r rehearsed) testSums(t *testing.T) {
	if _, err := check.Sums(r.Files); err != nil {
		t.Error(err)
	}
	name := r.Binaries[0].Name
	binary := []byte(must.Read(t, r.Files, name))
	folder := t.TempDir()
	must.Write(t, filepath.Join(folder, check.SumsFile), must.Read(t, r.Files, check.SumsFile))
	for i, want := range []string{name + ": OK\n", name + ": FAILED\n"} {
		binary[0] ^= byte(i)
		must.Write(t, filepath.Join(folder, name), string(binary))
		cmd := exec.Command("sh", "-c", "sha256sum --check --ignore-missing checksums.txt")
		cmd.Dir = folder
		if out, err := cmd.Output(); string(out) != want || (err == nil) != (i == 0) {
			t.Errorf("%s says %q (%v), want %q", cmd, out, err, want)
		}
	}
}

func (r rehearsed) testNotes(t *testing.T) {
	repository := strings.TrimPrefix(r.Metadata.Source, "https://github.com/")
	registry, _, _ := strings.Cut(r.Image, "/")
	want, err := notes.Render(r.name, r.Tag, map[string]string{
		"REGISTRY": registry, "GITHUB_REPOSITORY": repository, "PIPELINE": notes.Pipeline(repository, r.Tag),
	})
	if err != nil || !strings.HasSuffix(strings.TrimSpace(r.Notes), strings.TrimSpace(want)) {
		t.Errorf("the release notes are\n%s\nwant them to end with (%v)\n%s", r.Notes, err, want)
	}
	if !r.Draft {
		t.Error("the release is public before it is promoted: want draft: true under release in .goreleaser.yaml")
	}
}

func (r rehearsed) testIndex(t *testing.T) {
	got, err := check.Index(r.Index, r.Metadata)
	if err != nil {
		t.Error(err)
	}
	if !slices.EqualFunc(got, r.Platforms, func(a, b v1.Platform) bool { return a.Equals(b) }) {
		t.Errorf("the index has the platforms %v, want %v", got, r.Platforms)
	}
	if claim, err := check.Claim(r.Index); err != nil || claim.Revision != r.Metadata.Revision || claim.Version != r.Metadata.Version {
		t.Errorf("the index claims %+v (%v), want %+v", claim, err, r.Metadata)
	}
}

// testImage checks the image for a platform in the registry, and then pulls and
// runs it.
func (r rehearsed) testImage(t *testing.T, p v1.Platform) {
	binary, err := check.Image(r.platformImage(t, p), p, r.Metadata, r.Clone)
	if err != nil {
		t.Error(err)
	}
	raw, missing := r.Binary(p)
	if missing != nil {
		t.Fatal(missing)
	}
	if err == nil && string(binary) != must.Read(t, raw.Path) {
		t.Errorf("the binary in the image is not %s", raw.Name)
	}
	if err := r.smoke.Image(t.Context(), t.Output(), r.Image, r.Index, p, r.Metadata); err != nil {
		t.Error(err)
	}
}

// platformImage is the image for a platform in the registry.
func (r rehearsed) platformImage(t *testing.T, p v1.Platform) v1.Image {
	t.Helper()
	image, err := check.PlatformImage(r.Index, p)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func (r rehearsed) digest(t *testing.T) string {
	t.Helper()
	digest, err := r.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// handOn fills the folder REHEARSED, if it is set. The pipeline compares checksums.txt
// and index-digest in its folder digests across machines, and verifies and publishes its
// folder files.
func (r rehearsed) handOn(t *testing.T) {
	folder := os.Getenv("REHEARSED")
	if folder == "" {
		return
	}
	must.Write(t, filepath.Join(folder, "digests", check.SumsFile), must.Read(t, r.Files, check.SumsFile))
	must.Write(t, filepath.Join(folder, "digests", "index-digest"), r.digest(t)+"\n")
	must.Run(t, ".", "cp", "-r", r.Files, filepath.Join(folder, "files"))
}

// report prints the figures of the release.
func (r rehearsed) report(t *testing.T, released, all time.Duration) {
	own := v1.Platform{OS: "linux", Architecture: "amd64"}
	b, err := r.Binary(own)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf(`released %s of commit %s
	binaries      %d
	platforms     %d
	index digest  %s
	%-13s %d bytes
	time          %v to release, %v in all`,
		r.Tag, r.Metadata.Revision, len(r.Binaries), len(r.Platforms), r.digest(t),
		own, len(must.Read(t, b.Path)), released.Round(time.Second), all.Round(time.Second))
}

// names lists the files in a folder, sorted.
func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
