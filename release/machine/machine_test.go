package machine

import (
	"os"
	"testing"

	"argserver/release/internal/must"
)

// A machine without any command is told everything at once.
func TestCheck(t *testing.T) {
	empty := t.TempDir()
	goTool := must.Run(t, ".", "sh", "-c", "command -v go")
	if err := os.Symlink(goTool, empty+"/go"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", empty)
	err := Check(t.Context(), []string{"s390x"})
	for _, want := range []string{"the command git\n", "the command docker\n", "apt-get install docker.io", "the command docker-registry\n",
		"the command haproxy\n", "a Docker Engine", "a builder of buildx"} {
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
