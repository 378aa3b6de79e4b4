package rehearsal

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/internal/must"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// testRebuild rebuilds the release with the command for strangers, on a machine
// that differs in everything that can be changed here, and expects the same bytes
// up to the digest of the index. GitHub's runners are fast enough to build every
// binary a second time; elsewhere it rebuilds the image only.
func (r rehearsed) testRebuild(t *testing.T) {
	image := r.Image + "@" + r.digest(t)
	subject, same := image, 1
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		// Rebuild looks up a version under its public tag.
		if err := remote.WriteIndex(must.Reference(t, r.Image+":"+r.Metadata.Version), r.Index); err != nil {
			t.Fatal(err)
		}
		subject, same = r.Tag, 1+len(r.Binaries)+1
	}
	out, status := r.rebuild(t, subject)
	if status != 0 || strings.Count(out, "same     ") != same || !strings.Contains(out, "same     "+r.Image) || strings.Contains(out, "DIFFERS") {
		t.Errorf("verify rebuild %s exits with %d, want 0 and %d artifacts that are the same:\n%s", subject, status, same, out)
	}
	t.Logf("rebuilt %s:\n%s", image, out)
}

// rebuild runs the command for strangers and returns its output and exit status.
func (r rehearsed) rebuild(t *testing.T, subject string) (out string, status int) {
	t.Helper()
	repository := strings.TrimPrefix(r.Metadata.Source, "https://github.com/")
	gitHub := httptest.NewServer(http.StripPrefix("/"+repository+"/releases/download/"+r.Tag, http.FileServer(http.Dir(r.Files))))
	defer gitHub.Close()
	host, _, _ := strings.Cut(r.Image, "/")
	home := t.TempDir()
	tmp := filepath.Join(home, "another folder", "deep inside")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command("sh", "-c", "umask 077; go run ./verify rebuild "+subject)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(),
		"SOURCE="+r.Clone,
		"GITHUB_SERVER_URL="+gitHub.URL,
		"GITHUB_REPOSITORY="+repository,
		"REGISTRY="+host,
		"HOME="+home, "USER=somebody", "TMPDIR="+tmp, "TZ=Pacific/Kiritimati", "LC_ALL=C",
		// The tools stay where they are.
		"GOCACHE="+must.Run(t, ".", "go", "env", "GOCACHE"),
		"GOMODCACHE="+must.Run(t, ".", "go", "env", "GOMODCACHE"),
		"DOCKER_CONFIG="+cmp.Or(os.Getenv("DOCKER_CONFIG"), filepath.Join(os.Getenv("HOME"), ".docker")),
	)
	cmd.Stderr = t.Output()
	stdout, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if left := names(t, tmp); left != nil {
		t.Errorf("verify rebuild left %v behind", left)
	}
	return string(stdout), cmd.ProcessState.ExitCode()
}
