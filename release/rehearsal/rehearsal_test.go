// Package rehearsal rehearses a release: it releases the commit that is checked
// out, without publishing anything, and uses the result as its users will. It has
// tests only, and none of them knows which program it releases.
package rehearsal

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/machine"
	"argserver/release/product"
	"argserver/release/try"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// rehearsed is the release under test.
type rehearsed struct{ *build.Release }

func TestRehearsal(t *testing.T) {
	architectures, err := build.Architectures("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := machine.Check(t.Context(), architectures); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r := rehearse(t)
	released := time.Since(start)

	t.Run("promise", r.testPromise)
	t.Run("binaries", r.testBinaries)
	t.Run("sums", r.testSums)
	t.Run("notes", r.testNotes)
	t.Run("index", r.testIndex)
	t.Run("run", func(t *testing.T) {
		for _, b := range r.Binaries {
			if b.Platform.OS == "linux" {
				t.Run(b.Platform.String(), func(t *testing.T) {
					t.Parallel()
					if err := try.Binary(t.Context(), t.Output(), b.Path, b.Platform, r.Metadata); err != nil {
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
	t.Run("promote", r.testPromote)
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
	tags := strings.Fields(must.Run(t, "../..", "git", "tag", "--points-at=HEAD", "--sort=-version:refname", "v*"))
	r, err := build.Make(t.Context(), build.Options{
		Clone:      "../..",
		Commit:     must.Run(t, "../..", "git", "rev-parse", "HEAD"),
		Tag:        cmp.Or(os.Getenv("GORELEASER_CURRENT_TAG"), append(tags, "v0.0.0-rehearsal")[0]),
		Repository: cmp.Or(os.Getenv("GITHUB_REPOSITORY"), "OWNER/"+product.Name),
		Registry:   must.Registry(t),
		Folder:     t.TempDir(),
		Log:        t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return rehearsed{r}
}

// testPromise compares the binaries and platforms that users were promised with
// those that were built.
func (r rehearsed) testPromise(t *testing.T) {
	var binaries, platforms []string
	for _, b := range r.Binaries {
		binaries = append(binaries, b.Name)
	}
	for _, p := range r.Platforms {
		platforms = append(platforms, p.String())
	}
	for _, problem := range checkPromise(must.Read(t, r.Clone, product.Promise), product.Name, binaries, platforms) {
		t.Errorf("%s: %s", product.Promise, problem)
	}
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
	built, err := filepath.Glob(filepath.Join(r.Clone, "dist", "*", product.Name+"*"))
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
		cmd := exec.Command("sh", "-c", r.promised(t, "sha256sum --check --ignore-missing checksums.txt"))
		cmd.Dir = folder
		if out, err := cmd.Output(); string(out) != want || (err == nil) != (i == 0) {
			t.Errorf("%s says %q (%v), want %q", cmd, out, err, want)
		}
	}
}

// promised returns a line that the release notes must contain.
func (r rehearsed) promised(t *testing.T, line string) string {
	t.Helper()
	if !slices.Contains(strings.Split(r.Notes, "\n"), line) {
		t.Errorf("the release notes lack the line %q:\n%s", line, r.Notes)
	}
	return line
}

func (r rehearsed) testNotes(t *testing.T) {
	image := r.Image + ":" + r.Metadata.Version
	repository := strings.TrimPrefix(r.Metadata.Source, "https://github.com/")
	for _, line := range []string{
		"docker pull " + image,
		"cosign verify-attestation " + image + ` --type https://sigstore.dev/cosign/sign/v1 \`,
		"cosign verify-attestation " + image + ` --type slsaprovenance1 \`,
		"  --certificate-identity " + r.Metadata.Source + "/.github/workflows/release.yml@refs/tags/" + r.Tag,
		"download=" + r.Metadata.Source + "/releases/download/" + r.Tag,
		"cosign verify-blob-attestation " + product.Name + `_linux_amd64 --bundle provenance.sigstore.json --type slsaprovenance1 \`,
		"gh attestation verify " + product.Name + "_linux_amd64 --bundle provenance.sigstore.json --repo " + repository + ` \`,
		"  --signer-workflow " + repository + "/.github/workflows/release.yml --source-ref refs/tags/" + r.Tag,
		"go -C release run ./verify rebuild " + r.Tag,
	} {
		r.promised(t, line)
	}
	if !r.Draft {
		t.Error("the release is public before it is promoted")
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
	binary, err := check.Image(r.platformImage(t, p), p, r.Metadata)
	if err != nil {
		t.Error(err)
	}
	raw, err := r.Binary(p)
	if err != nil {
		t.Fatal(err)
	}
	if string(binary) != must.Read(t, raw.Path) {
		t.Errorf("the binary in the image is not %s", raw.Name)
	}
	if err := try.Image(t.Context(), t.Output(), r.Image, r.Index, p); err != nil {
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

// testPromote publishes a copy of the image as a stable version, with the command
// of the workflow, into the registry and a stand-in for GitHub.
func (r rehearsed) testPromote(t *testing.T) {
	repository := strings.TrimPrefix(r.Metadata.Source, "https://github.com/") + "-promoted"
	image := r.Image + "-promoted"
	if err := remote.WriteIndex(must.Reference(t, image+":staging-1.2.3"), r.Index); err != nil {
		t.Fatal(err)
	}
	gitHub := startDraft(t, repository, "v1.2.3")
	t.Setenv("GITHUB_REPOSITORY", repository)
	t.Setenv("GITHUB_TOKEN", "token")
	t.Setenv("GITHUB_API", gitHub.URL)
	for _, name := range check.Files(nil) { // A draft without these is not complete.
		path := filepath.Join(t.TempDir(), name)
		must.Write(t, path, "content")
		must.Run(t, "..", "go", "run", "./publish", "upload", "v1.2.3", path)
	}
	moved := strings.Fields(must.Run(t, "..", "go", "run", "./publish", "promote", "v1.2.3", image+"@"+r.digest(t)))
	if want := []string{"1.2.3", "1.2", "1", "latest"}; !slices.Equal(moved, want) {
		t.Errorf("promote moved the tags %q, want %q", moved, want)
	}
	for _, tag := range moved {
		descriptor, err := remote.Head(must.Reference(t, image+":"+tag))
		if err != nil || descriptor.Digest.String() != r.digest(t) {
			t.Errorf("%s is %v (%v), want %s", tag, descriptor, err, r.digest(t))
		}
	}
	if release := gitHub.Releases()[1]; release["draft"] != false || release["make_latest"] != "true" {
		t.Errorf("the release is %v, want it public and the latest", release)
	}
}

func (r rehearsed) digest(t *testing.T) string {
	t.Helper()
	digest, err := r.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// handOn writes checksums.txt and index-digest into the folder REHEARSED, if it is
// set. The workflow compares them across machines.
func (r rehearsed) handOn(t *testing.T) {
	folder := os.Getenv("REHEARSED")
	if folder == "" {
		return
	}
	must.Write(t, filepath.Join(folder, check.SumsFile), must.Read(t, r.Files, check.SumsFile))
	must.Write(t, filepath.Join(folder, "index-digest"), r.digest(t)+"\n")
}

// report prints the figures of the release.
func (r rehearsed) report(t *testing.T, released, all time.Duration) {
	own := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	b, err := r.Binary(own)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := check.PulledBytes(r.platformImage(t, own))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf(`released %s of commit %s
	binaries      %d
	platforms     %d
	index digest  %s
	%-13s %d bytes, %d pulled
	time          %v to release, %v in all`,
		r.Tag, r.Metadata.Revision, len(r.Binaries), len(r.Platforms), r.digest(t),
		own, len(must.Read(t, b.Path)), pulled, released.Round(time.Second), all.Round(time.Second))
}

// checkPromise lists the binaries and platforms that a text names and that were
// not built, and those that were built and that it does not name.
func checkPromise(text, program string, binaries, platforms []string) (problems []string) {
	// Commands are examples, not promises.
	text = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	words := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \n`,;|", c) })
	compare := func(kind, pattern string, built []string) {
		var promised []string
		for _, word := range words {
			if word = strings.TrimRight(word, "."); regexp.MustCompile("^" + pattern + "$").MatchString(word) {
				promised = append(promised, word)
			}
		}
		for _, name := range built {
			if !slices.Contains(promised, name) {
				problems = append(problems, kind+" "+name+" was built but is not promised")
			}
		}
		slices.Sort(promised)
		for _, name := range slices.Compact(promised) {
			if !slices.Contains(built, name) {
				problems = append(problems, kind+" "+name+" is promised but was not built")
			}
		}
	}
	compare("binary", regexp.QuoteMeta(program)+`_[a-z0-9]+_\w+(?:\.exe)?`, binaries)
	compare("platform", `linux/\w+(?:/v\d)?`, platforms)
	return problems
}

func TestCheckPromise(t *testing.T) {
	const text = "`p_linux_armv7`, p_windows_386.exe; for linux/arm/v7, linux/amd64. `p_linux_arm.spdx.json`\n```sh\np_linux_arm64 linux/arm/v5\n```\n"
	binaries, platforms := []string{"p_linux_armv7", "p_windows_386.exe"}, []string{"linux/amd64", "linux/arm/v7"}
	for _, c := range []struct {
		binaries, platforms []string
		want                string
	}{
		{binaries, platforms, ""},
		{binaries[:1], platforms, "binary p_windows_386.exe is promised but was not built"},
		{append(binaries[:2:2], "p_linux_arm64"), platforms, "binary p_linux_arm64 was built but is not promised"},
		{binaries, platforms[:1], "platform linux/arm/v7 is promised but was not built"},
		{binaries, append(platforms[:2:2], "linux/arm/v6"), "platform linux/arm/v6 was built but is not promised"},
	} {
		if got := strings.Join(checkPromise(text, "p", c.binaries, c.platforms), "\n"); got != c.want {
			t.Errorf("with %q and %q got %q, want %q", c.binaries, c.platforms, got, c.want)
		}
	}
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
