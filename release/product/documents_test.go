package product_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/internal/must"
)

// documents contain transcripts.
var documents = []string{"README.md", "ENDPOINTS.md"}

// testDocuments types the transcripts of the documents into a shell, in a clone
// that contains the binary, and compares the output.
func testDocuments(t *testing.T, r *build.Release) {
	dir := filepath.Join(t.TempDir(), "clone")
	must.Run(t, ".", "cp", "-r", r.Clone, dir)
	must.Run(t, ".", "cp", binary(t, r, own), filepath.Join(dir, "argserver"))
	must.Write(t, filepath.Join(dir, ".curlrc"), "no-progress-meter\n")
	t.Setenv("CURL_HOME", dir) // as on a terminal
	// The image that a stranger would pull.
	must.Run(t, ".", "docker", "buildx", "imagetools", "create", "--tag="+r.Image+":latest", r.Image+":staging-"+r.Metadata.Version)
	must.Run(t, ".", "docker", "pull", "--quiet", r.Image+":latest")
	changed := []string{"ghcr.io/OWNER/argserver", r.Image, "platform linux/amd64", "platform linux/" + runtime.GOARCH}
	ports := []string{"8080", "8081", "8443"}
	for i, free := range must.FreePorts(t, len(ports)) {
		port := ports[i]
		changed = append(changed, "-p "+port+":", "-p "+free+":", "localhost:"+port, "localhost:"+free, "]:"+port, "]:"+free, "1:"+port, "1:"+free,
			"ADDR=:"+port, "ADDR=:"+free, "tcp :"+port, "tcp :"+free, "…:"+port, "…:"+free, "PORT="+port, "PORT="+free)
		if i == 0 {
			t.Setenv("PORT", free) // the default
		}
	}
	t.Cleanup(func() { exec.Command("docker", "rmi", "--force", r.Image+":latest").Run() })
	for _, document := range documents {
		t.Run(document, func(t *testing.T) {
			text := strings.NewReplacer(changed...).Replace(must.Read(t, r.Clone, document))
			steps := 0
			for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
				for _, step := range strings.Split("\n"+strings.TrimSuffix(block[1], "\n"), "\n$ ")[1:] {
					steps++
					command, want, _ := strings.Cut(step, "\n")
					got := typeCommand(t, dir, command)
					if strings.HasPrefix(command, "docker run --detach ") {
						// The documents leave out the container's ID.
						awaitHealthy(t, strings.TrimSpace(got))
						got = ""
					}
					if !matches(want, strings.TrimSuffix(got, "\n")) {
						t.Errorf("$ %s\nprints\n%s\nbut %s says\n%s", command, got, document, want)
					}
				}
			}
			if steps == 0 {
				t.Errorf("%s has no transcript", document)
			}
		})
	}
}

func awaitHealthy(t *testing.T, id string) {
	t.Helper()
	t.Cleanup(func() { exec.Command("docker", "rm", "--force", id).Run() })
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if must.Run(t, ".", "docker", "inspect", "--format={{ .State.Health.Status }}", id) == "healthy" {
			return
		}
	}
	t.Errorf("container %s is not healthy within a minute", id)
}

// block returns the block of commands in a text that ends with a line.
func block(t *testing.T, text, last string) string {
	t.Helper()
	for _, match := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		if strings.HasSuffix(match[1], last+"\n") {
			return match[1]
		}
	}
	t.Fatalf("no block of commands ends with %q", last)
	return ""
}

// typeCommand runs a command of a transcript and returns its output. A command in
// the background runs until the test ends; its output is the first line.
func typeCommand(t *testing.T, dir, command string) string {
	t.Helper()
	foreground, background := strings.CutSuffix(command, " &")
	if !background {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Dir = dir
		cmd.WaitDelay = time.Second
		// The exit status is that of whatever the example shows.
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	// The shell becomes env, so that killing it ends the program.
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec env "+foreground)
	cmd.Dir = dir
	cmd.Stderr = log
	// go run would leave the program behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if line, _, ok := strings.Cut(must.Read(t, log.Name()), "\n"); ok {
			return line
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ""
}

// matches compares a text with what is wanted, where "…" stands for any part of a
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
