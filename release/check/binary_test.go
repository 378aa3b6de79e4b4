package check

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

	"argserver/release/internal/must"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestPlatform(t *testing.T) {
	for name, want := range map[string]string{
		"hello_linux_amd64":           "linux/amd64",
		"hello_world_linux_armv7":     "linux/arm/v7",
		"hello-world_windows_386.exe": "windows/386",
	} {
		if got, err := Platform(name); err != nil || got.String() != want {
			t.Errorf("the platform of %s is %s (%v), want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"hello", "hello_linux", "_linux_amd64", "hello_linux_amd64.sh"} {
		_, err := Platform(name)
		must.Fail(t, err, name)
	}
}

func TestBinary(t *testing.T) {
	named := must.Platforms(t, "linux/amd64", "linux/arm/v7", "linux/arm64", "linux/s390x", "windows/amd64", "freebsd/amd64")
	amd64, armv7, arm64, s390x, windows, freebsd := named[0], named[1], named[2], named[3], named[4], named[5]
	asReleased := []string{"-trimpath", "-ldflags=-s -w"}
	good := compile(t, amd64, asReleased...)

	// patched is the good binary with a few bytes of it changed.
	patched := func(offset int, b ...byte) []byte {
		changed := bytes.Clone(good)
		copy(changed[offset:], b)
		return changed
	}
	// Offsets in the header of a 64-bit ELF file, see elf(5).
	const (
		etype, machine           = 16, 18
		segments, segmentsOffset = 64, 32
	)
	if binary.LittleEndian.Uint64(good[segmentsOffset:]) != segments {
		t.Fatal("the program headers do not follow the ELF header")
	}

	for _, c := range []struct {
		name      string
		content   []byte
		platform  v1.Platform
		goVersion string
		want      string // a part of the error, empty for none
	}{
		{"good", good, amd64, runtime.Version(), ""},
		{"good for windows", compile(t, windows, asReleased...), windows, runtime.Version(), ""},
		{"another platform", good, arm64, runtime.Version(), "built with GOARCH=amd64, want arm64"},
		{"another header", good, s390x, runtime.Version(), "want ELFCLASS64 BigEndian EM_S390"},
		{"another system", good, freebsd, runtime.Version(), "built with GOOS=linux, want freebsd"},
		{"another variant", compile(t, must.Platforms(t, "linux/arm/v5")[0], asReleased...), armv7, runtime.Version(), "built with GOARM=5, want 7"},
		{"another Go", good, amd64, "go1.0", "built by " + runtime.Version() + ", want go1.0"},
		{"no trimpath", compile(t, amd64, "-ldflags=-s -w"), amd64, runtime.Version(), "built without -trimpath"},
		{"not stripped", compile(t, amd64, "-trimpath"), amd64, runtime.Version(), "not stripped: it has a section .symtab"},
		{"dynamic", compile(t, amd64, append(asReleased, "-buildmode=pie")...), amd64, runtime.Version(), "not static: it has a segment PT_INTERP"},
		{"header of another machine", patched(machine, byte(elf.EM_RISCV)), amd64, runtime.Version(), "ELF header says ELFCLASS64 LittleEndian EM_RISCV"},
		{"shared object", patched(etype, byte(elf.ET_DYN)), amd64, runtime.Version(), "ELF type ET_DYN, want ET_EXEC"},
		{"interpreter", patched(segments, byte(elf.PT_INTERP)), amd64, runtime.Version(), "PT_INTERP"},
		{"dynamic segment", patched(segments, byte(elf.PT_DYNAMIC)), amd64, runtime.Version(), "PT_DYNAMIC"},
		{"any Go", good, amd64, "", ""},
		{"not a binary", []byte("evil"), amd64, runtime.Version(), "binary for linux/amd64: unrecognized file format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			must.Fail(t, Binary(c.content, c.platform, c.goVersion), c.want)
		})
	}
}

// compile builds a program that does nothing, and returns the binary.
func compile(t *testing.T, p v1.Platform, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	must.Write(t, filepath.Join(dir, "go.mod"), "module nothing\n\ngo 1.26\n")
	must.Write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() {}\n")
	cmd := exec.Command("go", append([]string{"build", "-o=nothing"}, flags...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Architecture, "GOARM="+strings.TrimPrefix(p.Variant, "v"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return []byte(must.Read(t, dir, "nothing"))
}
