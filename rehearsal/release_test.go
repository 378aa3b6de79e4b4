package rehearsal

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// release is what a rehearsed release left behind.
type release struct {
	tag       string
	metadata  Metadata
	goVersion string // that the binaries must be built by
	clone     string // the folder that it was released from
	image     string // repository of the image, without tag or digest
	index     v1.ImageIndex
	gitHub    *gitHub
}

// makeRelease releases the commit that is checked out, with a real run of
// GoReleaser from a clone, into a registry and a stand-in for GitHub that end
// with the test.
func makeRelease(t *testing.T) *release {
	t.Helper()
	repository := cmp.Or(os.Getenv("GITHUB_REPOSITORY"), "OWNER/argserver")
	owner, name, _ := strings.Cut(repository, "/")
	registry := startRegistry(t)

	r := &release{
		tag:    currentTag(t),
		clone:  filepath.Join(t.TempDir(), "argserver"),
		image:  registry + "/" + strings.ToLower(repository),
		gitHub: startGitHub(t, owner, name),
	}
	run(t, "..", "git", "clone", "--quiet", "--no-tags", ".", r.clone)
	run(t, r.clone, "git", "tag", r.tag)
	r.metadata = Metadata{
		Source:   "https://github.com/" + repository,
		Revision: strings.TrimSpace(run(t, r.clone, "git", "rev-parse", "HEAD")),
		Version:  strings.TrimPrefix(r.tag, "v"),
		Created:  commitTime(t, r.clone),
	}
	r.goVersion = goMod(filepath.Join(r.clone, "go.mod")).Toolchain.Name

	goreleaser := strings.TrimSpace(run(t, ".", "go", "tool", "-n", "goreleaser"))
	cmd := exec.Command(goreleaser, "release")
	cmd.Dir = r.clone
	cmd.Env = append(os.Environ(),
		"REGISTRY="+registry,
		"GITHUB_REPOSITORY="+repository,
		"GITHUB_API="+r.gitHub.url,
		"GITHUB_TOKEN=rehearsal",
		"GORELEASER_CURRENT_TAG="+r.tag,
	)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatalf("goreleaser release: %v", err)
	}
	index, err := remote.Index(reference(t, r.image+":"+r.metadata.Version))
	if err != nil {
		t.Fatal(err)
	}
	r.index = index
	return r
}

// currentTag is the tag that is being released, else one on the commit that is
// checked out, else one for rehearsals only.
func currentTag(t *testing.T) string {
	tags := strings.Fields(run(t, "..", "git", "tag", "--points-at=HEAD", "--sort=-version:refname", "v*"))
	return cmp.Or(os.Getenv("GORELEASER_CURRENT_TAG"), append(tags, "v0.0.0-rehearsal")[0])
}

func commitTime(t *testing.T, clone string) time.Time {
	created, err := time.Parse(time.RFC3339, strings.TrimSpace(run(t, clone, "git", "log", "-1", "--format=%cI")))
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// startRegistry runs a registry until the test ends and returns its host and
// port, which Docker and BuildKit speak plain HTTP to, as to any on loopback.
func startRegistry(t *testing.T) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "registry.yml")
	content := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: 127.0.0.1:0}\n", t.TempDir())
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", config)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })

	address := regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if match := address.FindStringSubmatch(lines.Text()); match != nil {
			go func() { // or it would block, once the pipe is full
				for lines.Scan() {
				}
			}()
			return match[1]
		}
	}
	t.Fatalf("docker-registry ended without an address: %v", cmd.Wait())
	return ""
}

// run runs a command in a folder and returns its standard output.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}
