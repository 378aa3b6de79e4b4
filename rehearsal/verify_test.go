package rehearsal

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// testVerify has the release rebuilt by the command for strangers, with other
// values of all that one machine can change and with an empty builder, and wants
// the same bytes up to the digest of the index. GitHub's runners are quick enough
// to build every binary twice, elsewhere those of the image must do.
func (r rehearsed) testVerify(t *testing.T) {
	digest, err := r.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	image := r.Image + "@" + digest.String()
	line, subject, same := "go -C rehearsal run ./verify ghcr.io/OWNER/argserver:1.2.3", image, 1
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		// By the name that the public will know it by.
		if _, err := Promote(t.Context(), image, r.Tag); err != nil {
			t.Fatal(err)
		}
		line, subject, same = "go -C rehearsal run ./verify v1.2.3", r.Tag, 1+len(BinaryPlatforms)+1
	}
	run(t, ".", "docker", "buildx", "prune", "--all", "--force")
	out, status := r.verify(t, line, subject)
	if status != 0 || strings.Count(out, "same     ") != same || !strings.Contains(out, "same     "+r.Image) || strings.Contains(out, "DIFFERS") {
		t.Errorf("verify %s exits with %d, want 0 and %d artifacts that are the same:\n%s", subject, status, same, out)
	}
	t.Logf("rebuilt %s:\n%s", image, out)

	tampered := r.Image + ":tampered"
	if err := remote.WriteIndex(reference(t, tampered), r.tamperedIndex(t)); err != nil {
		t.Fatal(err)
	}
	out, status = r.verify(t, "go -C rehearsal run ./verify ghcr.io/OWNER/argserver:1.2.3", tampered)
	if status != 1 {
		t.Errorf("verify %s exits with %d, want 1", tampered, status)
	}
	for _, want := range []string{
		"DIFFERS  " + tampered + ": linux/s390x: layer 2: published sha256:",
		"DIFFERS  " + tampered + `: linux/386: config field .config.Cmd: published ["evil"], rebuilt ["a","b","c","d"]` + "\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("verify %s lacks %q:\n%s", tampered, want, out)
		}
	}
	if strings.Count(out, "DIFFERS") != 2 {
		t.Errorf("verify %s does not find two differences:\n%s", tampered, out)
	}
}

// verify types a line of the README, with another subject at its end, and returns
// what the command says and its exit status.
func (r rehearsed) verify(t *testing.T, line, subject string) (out string, status int) {
	t.Helper()
	if !slices.Contains(strings.Split(string(read(t, filepath.Join(r.Clone, "README.md"))), "\n"), line) {
		t.Errorf("README.md lacks the line %q", line)
	}
	command := line[:strings.LastIndex(line, " ")+1] + subject
	repository := strings.TrimPrefix(r.Metadata.Source, "https://github.com/")
	gitHub := httptest.NewServer(http.StripPrefix("/"+repository+"/releases/download/"+r.Tag, http.FileServer(http.Dir(r.Assets))))
	defer gitHub.Close()
	host, _, _ := strings.Cut(r.Image, "/")
	home := t.TempDir()
	tmp := filepath.Join(home, "another folder", "deep inside")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command("sh", "-c", "umask 077; "+command)
	cmd.Dir = r.Clone
	cmd.Env = append(os.Environ(),
		"GITHUB_SERVER_URL="+gitHub.URL,
		"GITHUB_REPOSITORY="+repository,
		"REGISTRY="+host,
		"HOME="+home, "USER=somebody", "TMPDIR="+tmp, "TZ=Pacific/Kiritimati", "LC_ALL=C",
		// What the tools need is still where it was.
		"GOCACHE="+strings.TrimSpace(run(t, ".", "go", "env", "GOCACHE")),
		"GOMODCACHE="+strings.TrimSpace(run(t, ".", "go", "env", "GOMODCACHE")),
		"DOCKER_CONFIG="+cmp.Or(os.Getenv("DOCKER_CONFIG"), filepath.Join(os.Getenv("HOME"), ".docker")),
	)
	cmd.Stderr = t.Output()
	stdout, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("verify left %v behind (%v)", left, err)
	}
	return string(stdout), cmd.ProcessState.ExitCode()
}

// testSums checks a download by the words of the README, as it is and with a bit
// changed.
func (r rehearsed) testSums(t *testing.T) {
	const line = "sha256sum --check --ignore-missing checksums.txt"
	if !strings.Contains(string(read(t, filepath.Join(r.Clone, "README.md"))), "\n"+line+"\n") {
		t.Errorf("README.md lacks the line %q", line)
	}
	folder, name := t.TempDir(), "argserver_linux_amd64"
	binary := read(t, filepath.Join(r.Assets, name))
	for i, want := range []string{name + ": OK\n", name + ": FAILED\n"} {
		binary[0] ^= byte(i)
		for file, content := range map[string][]byte{name: binary, ChecksumsFile: read(t, filepath.Join(r.Assets, ChecksumsFile))} {
			if err := os.WriteFile(filepath.Join(folder, file), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = folder
		if out, err := cmd.Output(); string(out) != want || (err == nil) != (i == 0) {
			t.Errorf("%s says %q (%v), want %q", line, out, err, want)
		}
	}
}

// tamperedIndex is the release's index with a layer more in one image, and with
// other default arguments in another.
func (r rehearsed) tamperedIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index := r.Index
	replace := func(p v1.Platform, image v1.Image) {
		index = mutate.RemoveManifests(index, match.Platforms(p))
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &p}})
	}
	s390x, i386 := platforms("linux/s390x")[0], platforms("linux/386")[0]
	layer, err := random.Layer(100, "application/vnd.oci.image.layer.v1.tar+gzip")
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(r.platformImage(t, s390x), layer)
	if err != nil {
		t.Fatal(err)
	}
	replace(s390x, image)
	original := r.platformImage(t, i386)
	config, err := original.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Config.Cmd = []string{"evil"}
	if image, err = mutate.ConfigFile(original, config); err != nil {
		t.Fatal(err)
	}
	replace(i386, image)
	return index
}
