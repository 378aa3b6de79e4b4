package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"argserver/release/internal/must"
	"argserver/release/product"
)

// A folder of downloaded files is refused before a binary in it is run.
func TestTryFiles(t *testing.T) {
	folder := t.TempDir()
	name := product.Name + "_" + runtime.GOOS + "_" + runtime.GOARCH
	build := func(flags ...string) {
		cmd := exec.Command("go", append([]string{"build", "-C=../..", "-o=" + filepath.Join(folder, name)}, flags...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		must.Run(t, folder, "sh", "-c", "sha256sum * >sums; mv sums checksums.txt; sed -i /checksums.txt/d checksums.txt")
	}
	released := []string{"-trimpath", "-tags=" + product.BuildTags, "-ldflags=-s -w"}
	build(released...)
	must.Fail(t, tryFiles(t.Context(), folder), "")
	build("-trimpath", "-tags="+product.BuildTags)
	must.Fail(t, tryFiles(t.Context(), folder), "not stripped")
	build(released...)
	must.Write(t, filepath.Join(folder, "checksums.txt"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  "+name+"\n")
	must.Fail(t, tryFiles(t.Context(), folder), name+": SHA-256")
	// A binary for another system is checked and not run.
	name = product.Name + "_freebsd_386"
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOS", "freebsd")
	t.Setenv("GOARCH", "386")
	build(released...)
	must.Fail(t, tryFiles(t.Context(), folder), "")
}
