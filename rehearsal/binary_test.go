package rehearsal

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestBinaryName(t *testing.T) {
	for platform, want := range map[string]string{
		"linux/amd64":    "argserver_linux_amd64",
		"linux/arm/v7":   "argserver_linux_armv7",
		"linux/mips":     "argserver_linux_mips",
		"windows/arm64":  "argserver_windows_arm64.exe",
		"freebsd/arm/v7": "argserver_freebsd_armv7",
	} {
		if got := BinaryName(platforms(platform)[0]); got != want {
			t.Errorf("the binary for %s is called %s, want %s", platform, got, want)
		}
	}
}

func TestCheckBinary(t *testing.T) {
	amd64 := platforms("linux/amd64")[0]
	armv7 := platforms("linux/arm/v7")[0]
	asReleased := []string{"-trimpath", "-tags=netgo", "-ldflags=-s -w"}
	good := build(t, "linux/amd64", asReleased...)
	content := read(t, good)

	// patched is the good binary with a few bytes of it changed.
	patched := func(offset int, b ...byte) string {
		changed := bytes.Clone(content)
		copy(changed[offset:], b)
		path := filepath.Join(t.TempDir(), "argserver")
		if err := os.WriteFile(path, changed, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// Offsets in the header of a 64-bit ELF file, see elf(5).
	const (
		etype, machine           = 16, 18
		segments, segmentsOffset = 64, 32
	)
	if binary.LittleEndian.Uint64(content[segmentsOffset:]) != segments {
		t.Fatal("the program headers do not follow the ELF header")
	}

	for _, c := range []struct {
		name      string
		path      string
		platform  v1.Platform
		goVersion string
		want      string // a part of the error, empty for none
	}{
		{"good", good, amd64, runtime.Version(), ""},
		{"good for windows", build(t, "windows/amd64", asReleased...), platforms("windows/amd64")[0], runtime.Version(), ""},
		{"another platform", good, platforms("linux/arm64")[0], runtime.Version(), "built with GOARCH=amd64, want arm64"},
		{"another header", good, platforms("linux/s390x")[0], runtime.Version(), "want ELFCLASS64 BigEndian EM_S390"},
		{"another system", good, platforms("freebsd/amd64")[0], runtime.Version(), "built with GOOS=linux, want freebsd"},
		{"another variant", build(t, "linux/arm/v5", asReleased...), armv7, runtime.Version(), "built with GOARM=5, want 7"},
		{"another Go", good, amd64, "go1.0", "built by " + runtime.Version() + ", want go1.0"},
		{"no tag", build(t, "linux/amd64", "-trimpath", "-ldflags=-s -w"), amd64, runtime.Version(), "built without -tags, want netgo"},
		{"no trimpath", build(t, "linux/amd64", "-tags=netgo", "-ldflags=-s -w"), amd64, runtime.Version(), "built without -trimpath"},
		{"not stripped", build(t, "linux/amd64", "-trimpath", "-tags=netgo"), amd64, runtime.Version(), "not stripped: it has a section .symtab"},
		{"dynamic", build(t, "linux/amd64", append(asReleased, "-buildmode=pie")...), amd64, runtime.Version(), "not static: it has a segment PT_INTERP"},
		{"header of another machine", patched(machine, byte(elf.EM_RISCV)), amd64, runtime.Version(), "ELF header says ELFCLASS64 LittleEndian EM_RISCV"},
		{"shared object", patched(etype, byte(elf.ET_DYN)), amd64, runtime.Version(), "ELF type ET_DYN, want ET_EXEC"},
		{"interpreter", patched(segments, byte(elf.PT_INTERP)), amd64, runtime.Version(), "PT_INTERP"},
		{"dynamic segment", patched(segments, byte(elf.PT_DYNAMIC)), amd64, runtime.Version(), "PT_DYNAMIC"},
		{"not a binary", "binary_test.go", amd64, runtime.Version(), "binary_test.go: "},
		{"no file", "no such file", amd64, runtime.Version(), "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, CheckBinary(c.path, c.platform, c.goVersion), c.want)
		})
	}
}

// build builds a program that does nothing for a platform.
func build(t *testing.T, platform string, flags ...string) string {
	t.Helper()
	p := platforms(platform)[0]
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module nothing\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", append([]string{"build", "-o=argserver"}, flags...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Architecture)
	if p.Variant != "" {
		cmd.Env = append(cmd.Env, "GOARM="+strings.TrimPrefix(p.Variant, "v"))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return filepath.Join(dir, "argserver")
}

// wantError checks that an error says so, or that there is none.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one that says %q", err, want)
	}
}
