// Package another makes the repository of another program for tests, and tests that
// the program can be released.
package another

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// Repository takes the pipeline for another program, as RELEASING.md says: it adds
// the program with its smoke.yaml and edits .goreleaser.yaml. It returns the folder of a
// clone of OWNER/hello.
func Repository(t *testing.T) string {
	t.Helper()
	repository := t.TempDir()
	must.Run(t, "../..", "sh", "-euc", `git archive HEAD release .github .goreleaser.yaml | tar --extract --directory="$0"
		rm -r "$0/release/product" "$0/release/measure" "$0/release/another" "$0/release/examples" "$0/release/internal/examples"
		cp -r release/another/testdata/hello/. "$0"`, repository)
	path := filepath.Join(repository, ".goreleaser.yaml")
	must.Write(t, path, editConfig(t, must.Read(t, path)))
	must.Run(t, repository, "sh", "-euc", `git init --quiet && git add --all && git remote add origin https://github.com/OWNER/hello
		git -c user.name=Hello -c user.email=hello@example.org commit --quiet --message=hello`)
	return repository
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
	for _, name := range []string{"Version", "Commit", "Date"} {
		replace("-X argserver/internal/version."+name+"=", "-X main."+strings.ToLower(name)+"=")
	}
	return Reduce(config, "linux_amd64", "linux_arm64", "darwin_arm64", "linux/amd64", "linux/arm64")
}

// Reduce returns a GoReleaser configuration without any target or platform but those
// to keep, which are built sooner.
func Reduce(config string, keep ...string) string {
	return regexp.MustCompile(`(?m)^ +- ([a-z]+[_/]\w+(?:/v\d)?)\n`).ReplaceAllStringFunc(config, func(line string) string {
		if slices.Contains(keep, strings.TrimSpace(line)[2:]) {
			return line
		}
		return ""
	})
}
