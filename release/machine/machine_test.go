package machine

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// Check reports everything that is missing at once.
func TestCheck(t *testing.T) {
	bin := t.TempDir()
	link(t, bin, "bash", "chmod", "dirname", "go", "grep", "mktemp", "readlink", "rm", "sed", "sort", "timeout", "tr")
	t.Setenv("PATH", bin)
	err := Check(t.Context(), []string{"z80"})
	for _, want := range []string{"- git: this command fails: git --version\n    apt-get install git, as root\n", "- docker.io ", "- docker-registry: ",
		"- linux/z80: it is not one of the platforms", "a Docker Engine", "a builder of buildx"} {
		must.Fail(t, err, want)
	}
}

func TestCheckSystem(t *testing.T) {
	must.Fail(t, checkSystem("linux"), "")
	must.Fail(t, checkSystem("darwin"), "Linux, not darwin: the builder must reach")
}

func TestField(t *testing.T) {
	const out = "Name:   b\nDriver: docker-container\n\nNodes:\nBuildKit version: v0.1.0 \n"
	for name, want := range map[string]string{"Driver": "docker-container", "BuildKit version": "v0.1.0", "Platforms": ""} {
		if got := field(out, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Retry gives up after the third try, and its log tells of each that failed.
func TestRetry(t *testing.T) {
	for _, c := range []struct {
		fails  int // how often the command fails
		status int
		sleeps string
	}{
		{0, 0, ""},
		{2, 0, "5 20"},
		{3, 7, "5 20"},
	} {
		folder := t.TempDir()
		must.Write(t, folder+"/sleep", "#!/bin/sh\necho $1 >>\"$FOLDER/sleeps\"\n")
		must.Write(t, folder+"/command", "#!/bin/sh\necho try >>\"$FOLDER/tries\"\n[ $(wc -l <\"$FOLDER/tries\") -gt $1 ] || exit 7\n")
		for _, name := range []string{"sleep", "command"} {
			if err := os.Chmod(folder+"/"+name, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("./retry", folder+"/command", fmt.Sprint(c.fails))
		cmd.Env = append(os.Environ(), "FOLDER="+folder, "PATH="+folder+":"+os.Getenv("PATH"))
		log, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		sleeps, _ := os.ReadFile(folder + "/sleeps")
		if got := strings.Join(strings.Fields(string(sleeps)), " "); cmd.ProcessState.ExitCode() != c.status || got != c.sleeps {
			t.Errorf("after %d failures: exit status %d after waiting for %q seconds, want %d and %q", c.fails, cmd.ProcessState.ExitCode(), got, c.status, c.sleeps)
		}
		if got, want := strings.Count(string(log), "retry: exit status 7 of: "+folder+"/command"), len(strings.Fields(c.sleeps)); got != want {
			t.Errorf("after %d failures: the log tells of %d tries, want %d:\n%s", c.fails, got, want, log)
		}
	}
}
