package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"argserver/release/internal/must"
)

// A folder of downloaded files is refused before a binary in it is run.
func TestTryFiles(t *testing.T) {
	repository, folder := t.TempDir(), t.TempDir()
	must.Write(t, filepath.Join(repository, "go.mod"), "module hello\n\ngo 1.26\n")
	must.Write(t, filepath.Join(repository, "main.go"), "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"hello 1.2.3\") }\n")
	must.Write(t, filepath.Join(repository, "smoke.yaml"), `commands: [{output: "hello {{ .Version }}"}]`)
	must.Run(t, repository, "sh", "-euc", `git init --quiet && git add --all
		git -c user.name=Hello -c user.email=hello@example.org commit --quiet --message=hello
		git tag v1.2.3 && git tag v1.2.4`)
	t.Chdir(repository)
	name := "hello_" + runtime.GOOS + "_" + runtime.GOARCH
	build := func(flags ...string) {
		cmd := exec.Command("go", append([]string{"build", "-o=" + filepath.Join(folder, name)}, flags...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		must.Run(t, folder, "sh", "-c", "sha256sum * >sums; mv sums checksums.txt; sed -i /checksums.txt/d checksums.txt")
	}
	released := []string{"-trimpath", "-ldflags=-s -w"}
	build(released...)
	must.Fail(t, tryFiles(t.Context(), "v1.2.3", folder), "")
	must.Fail(t, tryFiles(t.Context(), "v1.2.4", folder), `standard output is "hello 1.2.3", want "hello 1.2.4"`)
	must.Fail(t, tryFiles(t.Context(), "v1.2.5", folder), "refs/tags/v1.2.5")
	build("-trimpath")
	must.Fail(t, tryFiles(t.Context(), "v1.2.3", folder), "not stripped")
	build(released...)
	must.Write(t, filepath.Join(folder, "checksums.txt"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  "+name+"\n")
	must.Fail(t, tryFiles(t.Context(), "v1.2.3", folder), name+": SHA-256")
	// A binary for another system is checked and not run.
	name = "hello_freebsd_386"
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOS", "freebsd")
	t.Setenv("GOARCH", "386")
	build(released...)
	must.Fail(t, tryFiles(t.Context(), "v1.2.3", folder), "")
}
