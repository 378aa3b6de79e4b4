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

// Repository writes the repository of the program hello into a folder: its source, and
// the files that PIPELINE.md shows. It calls the pipeline of a repository, OWNER/NAME,
// at a commit.
func Repository(t *testing.T, folder, pipeline, commit string) {
	t.Helper()
	must.Run(t, "..", "sh", "-euc", `mkdir -p "$0" && cp -r another/testdata/hello/. "$0"`, folder)
	page := regexp.MustCompile("(?s)\n## `([^`]+)`\n.*?\n```\\w+\n(.*?)```").FindAllStringSubmatch(must.Read(t, "../../PIPELINE.md"), -1)
	if len(page) != 4 {
		t.Fatalf("PIPELINE.md shows %d files, want 4", len(page))
	}
	for _, file := range page {
		must.Write(t, filepath.Join(folder, file[1]), strings.Replace(file[2], "OWNER/argserver/.github/workflows/pipeline.yml@COMMIT", pipeline+"/.github/workflows/pipeline.yml@"+commit, 1))
	}
	must.Run(t, folder, "sh", "-euc", `git init --quiet --initial-branch=main && git add --all
		git -c user.name=Hello -c user.email=hello@example.org commit --quiet --message=hello`)
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
