package docker_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/examples"
	"argserver/release/internal/must"
)

func testRun(t *testing.T, image string) {
	p := prepare(t, image, "Docker", "")
	clean := func() {
		exec.Command("docker", "rm", "--force", "argserver", row).Run()
		exec.Command("docker", "rmi", "--force", built).Run()
	}
	t.Cleanup(clean)
	p.start(t)
	if got := hardened(t, "argserver"); got != hardening {
		t.Errorf("the container has\n%s, want\n%s", got, hardening)
	}
	p.answersWhile(t, "7s", func() { must.Run(t, ".", "docker", "stop", "argserver") })
	if status := must.Run(t, ".", "docker", "inspect", "--format={{ .State.ExitCode }}", "argserver"); status != "0" {
		t.Errorf("the container ends with %s, want 0", status)
	}
	p.stop(t)

	for _, r := range p.Arguments {
		clean()
		command := r.Left
		if strings.HasPrefix(command, "FROM ") {
			build := exec.Command("docker", "buildx", "build", "--load", "--tag="+built, "-")
			build.Stdin = strings.NewReader(strings.ReplaceAll(command, "IMAGE", image))
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%s\nends with %v:\n%s", r.Left, err, out)
				continue
			}
			command = "docker run " + built
		}
		examples.Check(t, r, run(t, image, command))
	}

	for _, r := range p.Mistakes {
		t.Run(r.Left, func(t *testing.T) {
			command := r.Left
			if !strings.HasPrefix(command, "docker ") {
				p.mistake(t, image, r)
				command = "docker run --publish 127.0.0.1:" + p.port + ":8080 IMAGE"
			}
			got := run(t, image, command)
			if strings.Contains(command, "--health-cmd") {
				got = await(t, contains(r.Right), "docker", "inspect", "--format={{ json .State.Health }}", row)
			}
			examples.Check(t, r, got)
		})
	}
}

// The names of the container of a row, and of the image that it may build.
const (
	row   = "argserver-row"
	built = "argserver:row"
)

// run types a command that starts a container, adds what lets it run in the background,
// and returns the arguments that the program answers with, or the error.
func run(t *testing.T, image, command string) string {
	t.Helper()
	exec.Command("docker", "rm", "--force", row).Run()
	local := strings.NewReplacer("docker run", "docker run --detach --name "+row+" --publish 127.0.0.1::8080",
		"IMAGE", image, "ghcr.io/owner/argserver", strings.TrimSuffix(image, ":latest"))
	if out, err := examples.Type(t, ".", local.Replace(command)); err != nil {
		return out
	}
	address, _, _ := strings.Cut(must.Run(t, ".", "docker", "port", row, "8080"), "\n")
	got, err := args(address)
	if err != nil {
		t.Error(err)
	}
	return got
}

// await repeats a command until its output is what a test waits for, for three minutes
// at most. It returns the last output.
func await(t *testing.T, done func(string) bool, name string, args ...string) (out string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if out = must.Run(t, ".", name, args...); done(out) {
			break
		}
	}
	return out
}

// contains returns a function that tells whether a text contains another.
func contains(text string) func(string) bool {
	return func(out string) bool { return strings.Contains(out, text) }
}
