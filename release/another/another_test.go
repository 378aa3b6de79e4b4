package another

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnotherProgram runs the tests of release/ in the repository of another program
// and rehearses a release of that program.
func TestAnotherProgram(t *testing.T) {
	repository := Repository(t)
	cmd := exec.Command("sh", "-euc", `go test -timeout=80m ./build ./check ./machine ./publish ./smoke ./tags ./verify
		go test -timeout=80m -count=1 -v ./rehearsal`)
	cmd.Dir = filepath.Join(repository, "release")
	cmd.Env = append(os.Environ(), "GITHUB_REPOSITORY=OWNER/hello", "REHEARSED=", "GOFLAGS=")
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
