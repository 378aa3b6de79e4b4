// Package another tests that another program can take the release module. It has
// tests only.
package another

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// TestAnotherProgram takes release/ for another program, as RELEASING.md says: it
// replaces the product file and edits .goreleaser.yaml. Then it runs the tests there
// and rehearses a release of that program.
func TestAnotherProgram(t *testing.T) {
	repository := t.TempDir()
	must.Run(t, "../..", "sh", "-euc", `git archive HEAD release .goreleaser.yaml | tar --extract --directory="$0"
		rm -r "$0"/release/product/*_test.go "$0/release/measure" "$0/release/another"
		cp -r release/another/testdata/hello/. "$0"`, repository)
	path := filepath.Join(repository, ".goreleaser.yaml")
	must.Write(t, path, editConfig(t, must.Read(t, path)))
	must.Run(t, repository, "sh", "-euc", `git init --quiet && git add --all && git remote add origin https://github.com/OWNER/hello
		git -c user.name=Hello -c user.email=hello@example.org commit --quiet --message=hello`)

	cmd := exec.Command("sh", "-euc", `go test ./build ./check ./machine ./publish ./tags ./try ./verify
		go test -count=1 -v ./rehearsal`)
	cmd.Dir = filepath.Join(repository, "release")
	cmd.Env = append(os.Environ(), "GITHUB_REPOSITORY=OWNER/hello", "REHEARSED=", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{
		"\n    --- PASS: TestRehearsal/promise", "\n        --- PASS: TestRehearsal/run/linux/arm64", "\n        --- PASS: TestRehearsal/image/linux/arm64",
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

// editConfig changes the lines of argserver's configuration that are its own.
func editConfig(t *testing.T, config string) string {
	t.Helper()
	replace := func(old, new string) {
		t.Helper()
		if strings.Count(config, old) != 1 {
			t.Fatalf(".goreleaser.yaml contains %q %d times, want once", old, strings.Count(config, old))
		}
		config = strings.Replace(config, old, new, 1)
	}
	replace("project_name: argserver", "project_name: hello")
	replace("\n    tags: [netgo]", "")
	replace("\n    extra_files: [rootfs]", "")
	replace("description: Answers over HTTP with the arguments it was started with", "description: Greets over HTTP")
	replace("licenses: MIT", "licenses: 0BSD")
	keep := []string{"linux_amd64", "linux_arm64", "darwin_arm64", "linux/amd64", "linux/arm64"}
	return regexp.MustCompile(`(?m)^ +- ([a-z]+[_/]\w+(?:/v\d)?)\n`).ReplaceAllStringFunc(config, func(line string) string {
		if slices.Contains(keep, strings.TrimSpace(line)[2:]) {
			return line
		}
		return ""
	})
}
