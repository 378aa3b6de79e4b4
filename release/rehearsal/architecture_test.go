package rehearsal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/internal/must"
)

// testArchitecture builds the image again with a BuildKit that was compiled for
// another architecture and runs under QEMU, and expects the same digest.
func (r rehearsed) testArchitecture(t *testing.T) {
	architecture := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	startBuilder(t, architecture)
	other, err := build.Make(t.Context(), build.Options{
		Clone:      r.Clone,
		Commit:     r.Metadata.Revision,
		Tag:        r.Tag,
		Repository: strings.TrimPrefix(r.Metadata.Source, "https://github.com/"),
		Registry:   must.Registry(t),
		Folder:     t.TempDir(),
		ImageOnly:  true,
		Log:        t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := other.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != r.digest(t) {
		t.Errorf("BuildKit for %s makes the image %s, want %s", architecture, got, r.digest(t))
	}
}

// startBuilder makes a BuildKit for an architecture the current builder of the
// test.
func startBuilder(t *testing.T, architecture string) {
	t.Helper()
	const module = "github.com/moby/buildkit"
	folder := t.TempDir()
	daemon, socket, data := filepath.Join(folder, "buildkitd"), filepath.Join(folder, "socket"), filepath.Join(folder, "data")
	version := must.Run(t, ".", "go", "list", "-m", "-f={{ .Version }}", module)
	must.Run(t, ".", "env", "CGO_ENABLED=0", "GOARCH="+architecture,
		"go", "build", "-o="+daemon, "-ldflags=-X "+module+"/version.Version="+version, module+"/cmd/buildkitd")

	// Only root may run BuildKit. The group lets everybody else use it.
	root := func(args ...string) *exec.Cmd {
		if os.Getuid() != 0 {
			args = append([]string{"sudo"}, args...)
		}
		return exec.Command(args[0], args[1:]...)
	}
	// QEMU lacks what the default snapshotter needs.
	cmd := root(daemon, "--addr=unix://"+socket, "--group="+strconv.Itoa(os.Getgid()), "--root="+data, "--oci-worker-snapshotter=native")
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // sudo ends with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		root("sh", "-c", fmt.Sprintf("kill -- -%d", cmd.Process.Pid)).Run()
		cmd.Wait()
		root("rm", "-r", data).Run()
	})

	t.Setenv("BUILDX_CONFIG", filepath.Join(folder, "buildx"))
	must.Run(t, ".", "docker", "buildx", "create", "--use", "--driver=remote", "unix://"+socket)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		out, err := exec.Command("docker", "buildx", "inspect", "--bootstrap").CombinedOutput()
		if err == nil {
			// BuildKit lists its own platform first.
			if !regexp.MustCompile("(?m)^Platforms: +linux/" + architecture + ",").Match(out) {
				t.Fatalf("the current builder is not for %s:\n%s", architecture, out)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("BuildKit for %s does not answer: %s\n%s", architecture, out, must.Read(t, log.Name()))
		}
	}
}
