package rehearsal

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// testReadme types the transcripts of the README into a shell, in a folder that
// holds the released binary, and compares what they print.
func (r rehearsed) testReadme(t *testing.T) {
	binary := read(t, r.Binary(platforms("linux/" + runtime.GOARCH)[0]))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "argserver"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte("no-progress-meter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CURL_HOME", dir) // as on a terminal
	changed := []string{"version 1.2.3", "version " + r.Metadata.Version, "platform linux/amd64", "platform linux/" + runtime.GOARCH}
	for i, port := range []string{"8080", "8081", "8443"} {
		free := freePort(t)
		changed = append(changed, ":"+port, ":"+free, "PORT="+port, "PORT="+free)
		if i == 0 {
			t.Setenv("PORT", free) // the default
		}
	}
	readme := strings.NewReplacer(changed...).Replace(string(read(t, filepath.Join(r.Clone, "README.md"))))
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(readme, -1)
	commands := 0
	for _, block := range blocks {
		if !strings.Contains(block[1], "./argserver") {
			continue // it needs a published image
		}
		for _, step := range strings.Split("\n"+strings.TrimSuffix(block[1], "\n"), "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			got := typeCommand(t, dir, command)
			if !matches(want, strings.TrimSuffix(got, "\n")) {
				t.Errorf("$ %s\nprints\n%s\nand not, as README.md says,\n%s", command, got, want)
			}
			commands++
		}
	}
	if commands == 0 {
		t.Error("README.md has no transcript")
	}
}

// typeCommand runs a command of a transcript and returns what it prints: all of
// it, or the first line of one that stays in the background until the test ends.
func typeCommand(t *testing.T, dir, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	foreground, background := strings.CutSuffix(command, " &")
	if !background {
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Dir = dir
		cmd.WaitDelay = time.Second
		// The exit status is that of whatever the example shows.
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	t.Cleanup(cancel)
	// Through env, which the shell becomes, so that the test's end ends it.
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec env "+foreground)
	cmd.Dir = dir
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		if line, _, ok := strings.Cut(string(read(t, log.Name())), "\n"); ok {
			return line
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ""
}

// matches tells whether a text is as wanted, where "…" stands for any part of a
// line.
func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		want, got string
		match     bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "acb", false},
		{"date …\nb", "date 2026\nb", true},
		{"date …\nb", "date 2026\nc\nb", false},
		{"a", "a\nb", false},
	} {
		if matches(c.want, c.got) != c.match {
			t.Errorf("%q matches %q: %v, want %v", c.want, c.got, !c.match, c.match)
		}
	}
}

// freePort is a port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}
