package rehearsal

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// rehearsed is a release that is judged.
type rehearsed struct{ *Release }

// TestRehearsal releases the commit that is checked out, for nobody to see, and
// then does with it what its users will do.
func TestRehearsal(t *testing.T) {
	requireMachine(t)
	start := time.Now()
	r := rehearse(t)
	released := time.Since(start)

	t.Run("binaries", r.testBinaries)
	t.Run("checksums", func(t *testing.T) {
		if err := CheckSums(r.Assets); err != nil {
			t.Error(err)
		}
	})
	t.Run("notes", r.testNotes)
	t.Run("index", func(t *testing.T) {
		if err := CheckIndex(r.Index, r.Metadata); err != nil {
			t.Error(err)
		}
	})
	t.Run("sums", r.testSums)
	t.Run("verify", r.testVerify)
	t.Run("run", func(t *testing.T) {
		for _, p := range BinaryPlatforms {
			if p.OS == "linux" {
				t.Run(p.String(), func(t *testing.T) { t.Parallel(); r.runBinary(t, p) })
			}
		}
	})
	t.Run("image", func(t *testing.T) {
		for _, p := range ImagePlatforms {
			t.Run(p.String(), func(t *testing.T) { t.Parallel(); r.testImage(t, p) })
		}
	})
	t.Run("budget", r.testBudget)
	t.Run("proxy", r.testProxy)
	t.Run("readme", r.testReadme)
	t.Run("image from a clone", r.testImageFromClone)
	t.Run("promote", r.testPromote)

	if !t.Failed() {
		r.report(t, released, time.Since(start))
		r.handOn(t)
	}
}

// rehearse releases the commit that is checked out. Its tag is the one that is
// being released, else one that the commit has, else one for rehearsals only.
func rehearse(t *testing.T) rehearsed {
	t.Helper()
	tags := strings.Fields(run(t, "..", "git", "tag", "--points-at=HEAD", "--sort=-version:refname", "v*"))
	r, err := Make(t.Context(), Options{
		Clone:      "..",
		Commit:     strings.TrimSpace(run(t, "..", "git", "rev-parse", "HEAD")),
		Tag:        cmp.Or(os.Getenv("GORELEASER_CURRENT_TAG"), append(tags, "v0.0.0-rehearsal")[0]),
		Repository: cmp.Or(os.Getenv("GITHUB_REPOSITORY"), "OWNER/argserver"),
		Registry:   startRegistry(t),
		Folder:     t.TempDir(),
		Log:        t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return rehearsed{r}
}

// testBinaries checks that those binaries were published and no other file but
// their checksums, and each binary by itself.
func (r rehearsed) testBinaries(t *testing.T) {
	want := append(BinaryNames(), ChecksumsFile)
	for _, p := range BinaryPlatforms {
		if err := CheckBinary(r.Binary(p), p, r.GoVersion); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(want)
	entries, err := os.ReadDir(r.Assets)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries { // sorted by name
		got = append(got, entry.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
	built, err := filepath.Glob(filepath.Join(r.Clone, "dist", "*", "argserver*"))
	if err != nil || len(built) != len(BinaryPlatforms) {
		t.Errorf("dist/ holds the binaries %q (%v), want %d", built, err, len(BinaryPlatforms))
	}
}

func (r rehearsed) testNotes(t *testing.T) {
	image := r.Image + ":" + r.Metadata.Version
	repository := strings.TrimPrefix(r.Metadata.Source, "https://github.com/")
	identity := "--certificate-identity " + r.Metadata.Source + "/.github/workflows/release.yml@refs/tags/" + r.Tag
	for _, line := range []string{
		"docker pull " + image,
		"cosign verify " + image + ` \`,
		"  " + identity,
		"gh attestation verify oci://" + image + ` \`,
		"  --bundle image-provenance.sigstore.json --repo " + repository,
		"download=" + r.Metadata.Source + "/releases/download/" + r.Tag,
		"sha256sum --check --ignore-missing checksums.txt",
		"gh attestation verify argserver_linux_amd64 --bundle provenance.sigstore.json --repo " + repository,
		"go -C rehearsal run ./verify " + r.Tag,
	} {
		if !slices.Contains(strings.Split(r.Notes, "\n"), line) {
			t.Errorf("the release notes lack the line %q:\n%s", line, r.Notes)
		}
	}
	if !r.Draft {
		t.Error("the release is public before it is promoted")
	}
}

// runBinary runs the raw binary of a platform.
func (r rehearsed) runBinary(t *testing.T, p v1.Platform) {
	if err := TryBinary(t.Context(), t.Output(), r.Binary(p), p, r.Version(p)); err != nil {
		t.Error(err)
	}
}

// testImage checks the image of a platform as it is in the registry, and then
// as Docker pulls and runs it by its digest.
func (r rehearsed) testImage(t *testing.T, p v1.Platform) {
	if err := CheckImage(r.platformImage(t, p), p, read(t, r.Binary(p)), r.Metadata); err != nil {
		t.Error(err)
	}
	if err := TryImage(t.Context(), t.Output(), r.Image, r.Index, p); err != nil {
		t.Error(err)
	}
}

// testImageFromClone builds the image by the words of the README, with the
// builder that Docker has without any set-up.
func (r rehearsed) testImageFromClone(t *testing.T) {
	const last = "docker build -t argserver ."
	words := regexp.MustCompile("(?s)```sh\n([^`]*" + regexp.QuoteMeta(last) + ")\n```").FindSubmatch(read(t, filepath.Join(r.Clone, "README.md")))
	if words == nil {
		t.Fatalf("README.md has no commands that end in %q", last)
	}
	t.Setenv("BUILDX_BUILDER", "default")
	run(t, r.Clone, "sh", "-euc", string(words[1]))
	t.Cleanup(func() { run(t, ".", "docker", "rmi", "argserver") })
	host := platforms("linux/" + runtime.GOARCH)[0]
	if err := tryContainer(t.Context(), host, "argserver", []string{"g", "h", "i", "j"}); err != nil {
		t.Error(err)
	}
}

// testPromote gives the image the tags of a stable version, in a copy of the
// repository, as the last step of the release would.
func (r rehearsed) testPromote(t *testing.T) {
	digest, err := r.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repository := r.Image + "-promoted"
	if err := remote.WriteIndex(reference(t, repository+":sha-"+r.Metadata.Revision), r.Index); err != nil {
		t.Fatal(err)
	}
	tags, err := Promote(t.Context(), repository+"@"+digest.String(), "v1.2.3")
	if want := []string{"1.2.3", "1.2", "1", "latest"}; err != nil || !slices.Equal(tags, want) {
		t.Errorf("promoted to %q (%v), want %q", tags, err, want)
	}
	for _, tag := range tags {
		descriptor, err := remote.Head(reference(t, repository+":"+tag))
		if err != nil || descriptor.Digest != digest {
			t.Errorf("%s is %v (%v), want %s", tag, descriptor, err, digest)
		}
	}
}

// testBudget holds the size of the binary against that of the original program,
// built by its own recipe and by the same Go: with all that argserver does more,
// it is not to be larger.
func (r rehearsed) testBudget(t *testing.T) {
	original := filepath.Join(t.TempDir(), "original")
	cmd := exec.Command("go", "build", "-tags=netgo", "-ldflags=-w", "-o="+original, "./testdata/original")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOTOOLCHAIN="+r.GoVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	amd64 := platforms("linux/amd64")[0]
	if err := checkBudget(t, read(t, r.Binary(amd64)), read(t, original)); err != nil {
		t.Error(err)
	}
	pulled, err := PulledBytes(r.platformImage(t, amd64))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPulled(pulled); err != nil {
		t.Error(err)
	}
}

// smallestPeer is the least that a pull of the smallest image of its kind can
// transfer: jmalloc/echo-server for linux/amd64, the binary alone, after gzip -9.
const smallestPeer = 3_427_605

// checkPulled reports a pull of more than three quarters of the smallest peer.
func checkPulled(pulled int64) error {
	if budget := int64(smallestPeer * 3 / 4); pulled > budget {
		return fmt.Errorf("a pull transfers %d bytes, %d more than the budget of %d", pulled, pulled-budget, budget)
	}
	return nil
}

// checkBudget reports a binary that is larger than another one, as it is or
// after gzip -9.
func checkBudget(t *testing.T, binary, budget []byte) error {
	t.Helper()
	if len(binary) > len(budget) {
		return fmt.Errorf("the binary has %d bytes, %d more than the budget of %d", len(binary), len(binary)-len(budget), len(budget))
	}
	if size, limit := gzipped(t, binary), gzipped(t, budget); size > limit {
		return fmt.Errorf("after gzip -9 the binary has %d bytes, %d more than the budget of %d", size, size-limit, limit)
	}
	return nil
}

// gzipped is the number of bytes that gzip -9 leaves.
func gzipped(t *testing.T, content []byte) int {
	t.Helper()
	cmd := exec.Command("gzip", "-9")
	cmd.Stdin = bytes.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gzip -9: %v", err)
	}
	return len(out)
}

func TestCheckBudget(t *testing.T) {
	random := make([]byte, 1000)
	rand.Read(random)
	zeros := make([]byte, 2000)
	wantError(t, checkBudget(t, random, random), "")
	wantError(t, checkBudget(t, random, random[:999]), "1000 bytes, 1 more than the budget of 999")
	wantError(t, checkBudget(t, random, zeros), "after gzip -9")
	wantError(t, checkPulled(2_570_703), "")
	wantError(t, checkPulled(2_570_704), "2570704 bytes, 1 more than the budget of 2570703")
}

// handOn writes what was rehearsed into the folder REHEARSED, if it is set:
// checksums.txt and index-digest, which others compare with theirs.
func (r rehearsed) handOn(t *testing.T) {
	folder := os.Getenv("REHEARSED")
	if folder == "" {
		return
	}
	digest, err := r.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"checksums.txt": read(t, filepath.Join(r.Assets, "checksums.txt")),
		"index-digest":  []byte(digest.String() + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// report prints the figures of the release.
func (r rehearsed) report(t *testing.T, released, all time.Duration) {
	amd64 := platforms("linux/amd64")[0]
	binary := read(t, r.Binary(amd64))
	pulled, err := PulledBytes(r.platformImage(t, amd64))
	if err != nil {
		t.Fatal(err)
	}
	index, err := r.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf(`released %s of commit %s
	binaries      %d
	platforms     %d
	index digest  %s
	linux/amd64   %d bytes, %d after gzip -9, %d pulled
	time          %v to release, %v in all`,
		r.Tag, r.Metadata.Revision, len(BinaryPlatforms), len(ImagePlatforms), index,
		len(binary), gzipped(t, binary), pulled, released.Round(time.Second), all.Round(time.Second))
}

// platformImage is the image of a platform in the registry.
func (r rehearsed) platformImage(t *testing.T, p v1.Platform) v1.Image {
	t.Helper()
	image, err := PlatformImage(r.Index, p)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func reference(t *testing.T, s string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
