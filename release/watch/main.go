// Watch checks a published release again, as a stranger would, and prints a report
// in Markdown of what is wrong with it. It prints nothing if all is well.
//
//	watch TAG
//
// It downloads every public URL (verify fetch), rebuilds the release from source
// (verify rebuild), and looks for known vulnerabilities in every binary. It runs in
// a clone in which TAG is checked out, because the tools and the source to scan are
// those of the release. It needs what verify rebuild needs, and no credentials.
//
// Environment variables, which GitHub sets in a workflow except for the last two:
//
//	GITHUB_REPOSITORY  OWNER/NAME
//	GITHUB_SERVER_URL  URL of GitHub; default https://github.com
//	REGISTRY           host of the registry; default ghcr.io
//	VULNDB             URL of the vulnerability database; default Go's own
//
// Exit statuses: 0 the report says it all, 1 the release could not be checked,
// 2 wrong usage.
package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"argserver/release/check"
	"argserver/release/internal/command"
	"argserver/release/internal/download"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	repository := os.Getenv("GITHUB_REPOSITORY")
	if len(os.Args) != 2 || strings.Count(repository, "/") != 1 {
		fmt.Fprintf(os.Stderr, "watch: got %q and GITHUB_REPOSITORY=%q, want a tag and OWNER/NAME\n", os.Args[1:], repository)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	problems, err := watch(ctx, repository, os.Args[1])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "watch: %v\n", err)
		os.Exit(1)
	}
	fmt.Print(report(os.Args[1], problems))
}

// A problem is one thing that is wrong with a release, and the command that shows
// it.
type problem struct {
	title, command, details string
}

func watch(ctx context.Context, repository, tag string) ([]problem, error) {
	version, err := tags.Exact(tag)
	if err != nil {
		return nil, err
	}
	if _, err := command.Output(exec.CommandContext(ctx, "git", "diff", "--quiet", tag)); err != nil {
		return nil, fmt.Errorf("the files in this clone are not those of %s: git checkout %[1]s (%w)", tag, err)
	}
	ref, err := name.ParseReference(cmp.Or(os.Getenv("REGISTRY"), "ghcr.io") + "/" + strings.ToLower(repository) + ":" + version)
	if err != nil {
		return nil, err
	}

	var problems []problem
	if descriptor, err := remote.Head(ref, remote.WithContext(ctx)); err != nil {
		problems = append(problems, problem{"The image cannot be pulled", "docker pull " + ref.Name(), err.Error()})
	} else {
		image := ref.Context().Digest(descriptor.Digest.String())
		problems = append(problems, verify(ctx, "A public URL does not answer with what was released", "fetch", tag, image.Name())...)
	}
	problems = append(problems, verify(ctx, "The published release is not what the source builds", "rebuild", tag)...)

	folder, err := os.MkdirTemp("", "watch")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	releases := cmp.Or(os.Getenv("GITHUB_SERVER_URL"), "https://github.com") + "/" + repository + "/releases/download/" + tag
	binaries, unavailable, err := downloadBinaries(ctx, releases, folder)
	if err != nil {
		return nil, err
	}
	vulnerable, err := scanBinaries(ctx, binaries, "..")
	if err != nil {
		return nil, err
	}
	return append(append(problems, unavailable...), vulnerable...), ctx.Err()
}

// verify runs a command of release/verify. It reports the output if the command
// fails.
func verify(ctx context.Context, title string, args ...string) []problem {
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./verify"}, args...)...)
	var out, log bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = io.MultiWriter(&log, os.Stderr)
	if cmd.Run() == nil {
		return nil
	}
	// What is as it should be is not reported, nor is the log of the build before
	// its end.
	var details strings.Builder
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "same ") {
			details.WriteString(line)
		}
	}
	lines := strings.SplitAfter(log.String(), "\n")
	details.WriteString(strings.Join(lines[max(0, len(lines)-10):], ""))
	return []problem{{title, "go -C release run ./verify " + strings.Join(args, " "), details.String()}}
}

// downloadBinaries downloads the binaries that checksums.txt at a URL names.
func downloadBinaries(ctx context.Context, url, folder string) (paths []string, problems []problem, err error) {
	get := func(name string) []byte {
		content, err := download.Get(ctx, url+"/"+name)
		if err != nil {
			problems = append(problems, problem{"A file cannot be downloaded", "curl -fLO " + url + "/" + name, err.Error()})
		}
		return content
	}
	sums, err := check.ParseSums(string(get(check.SumsFile)))
	if err != nil && problems == nil {
		problems = append(problems, problem{"The checksums cannot be read", "curl -fL " + url + "/" + check.SumsFile, err.Error()})
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		content := get(name)
		if content == nil {
			continue
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			return nil, nil, err
		}
		paths = append(paths, path)
	}
	return paths, problems, nil
}

// longest is the size of a report, in bytes. GitHub accepts up to 65,536 characters.
const longest = 60_000

// report describes the problems in Markdown. All that comes from the release or from
// a database is indented, so that it is only text.
func report(tag string, problems []problem) string {
	if problems == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The latest release, %s, needs attention. To see it yourself, run in a clone `git checkout %[1]s` and then the command under each heading.\n", tag)
	for _, p := range problems {
		fmt.Fprintf(&b, "\n### %s\n\n`%s`\n\n", p.title, p.command)
		for line := range strings.Lines(p.details) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimRight(line, "\r\n"))
		}
	}
	text := b.String()
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "\n    …\n\nThe rest is missing here: the log of the workflow has it.\n"
	}
	return text
}
