package another

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnotherProgram rehearses a release of another program, as PIPELINE.md says.
func TestAnotherProgram(t *testing.T) {
	repository := filepath.Join(t.TempDir(), "hello")
	Repository(t, repository, "OWNER/argserver", "v1.2.3")
	cmd := exec.Command("go", "test", "-timeout=80m", "-count=1", "-v", "./rehearsal")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "SOURCE="+repository, "GITHUB_REPOSITORY=OWNER/hello", "REHEARSED=", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{
		"\n        --- PASS: TestRehearsal/run/linux/arm64", "\n        --- PASS: TestRehearsal/image/linux/arm64",
		"\n    --- PASS: TestRehearsal/rebuild", "binaries      3\n", "platforms     2\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the rehearsal does not print %q", want)
		}
	}
	if err != nil || t.Failed() {
		t.Fatalf("%v\n%s", err, out)
	}
	_, report, _ := strings.Cut(string(out), "released ")
	t.Logf("released %s", report)
}
