package rehearsal

import (
	"os/exec"
	"testing"

	"argserver/rehearsal/standin"
)

// startRegistry runs a registry until the test ends and returns its host and
// port.
func startRegistry(t *testing.T) string {
	t.Helper()
	address, stop, err := standin.StartRegistry(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// run runs a command in a folder and returns its standard output.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}
