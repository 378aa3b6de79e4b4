package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

func TestSums(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(t *testing.T, folder string)
		want   string
	}{
		{"good", func(t *testing.T, folder string) {}, ""},
		{"with an SBOM", func(t *testing.T, folder string) {
			must.Write(t, filepath.Join(folder, "hello_linux_amd64.spdx.json"), "{}")
		}, ""},
		{"changed", func(t *testing.T, folder string) {
			must.Write(t, filepath.Join(folder, "hello_linux_amd64"), "evil")
		}, "hello_linux_amd64: SHA-256 "},
		{"missing", func(t *testing.T, folder string) {
			if err := os.Remove(filepath.Join(folder, "hello_linux_amd64")); err != nil {
				t.Fatal(err)
			}
		}, "hello_linux_amd64: no such file"},
		{"with another file", func(t *testing.T, folder string) { must.Write(t, filepath.Join(folder, "install.sh"), "evil") }, "install.sh: checksums.txt does not list it"},
		{"not listed", func(t *testing.T, folder string) {
			must.Write(t, filepath.Join(folder, "hello_linux_evil"), "evil")
		}, "hello_linux_evil: checksums.txt does not list it"},
		{"no sums", func(t *testing.T, folder string) { os.Remove(filepath.Join(folder, SumsFile)) }, "checksums.txt: no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			want := []string{"hello_darwin_arm64", "hello_linux_amd64"}
			for _, name := range want {
				must.Write(t, filepath.Join(folder, name), name)
			}
			must.Run(t, folder, "sh", "-c", "sha256sum * >sums; mv sums checksums.txt")
			c.tamper(t, folder)
			got, err := Sums(folder)
			must.Fail(t, err, c.want)
			if err == nil && !slices.Equal(got, want) {
				t.Errorf("the binaries are %q, want %q", got, want)
			}
		})
	}
}

func TestParseSums(t *testing.T) {
	const good = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  "
	for content, want := range map[string]string{
		good + "a\n" + good + "b\n":   "",
		"":                            "lists no file",
		"<html>\n":                    "<html>",
		"0123  a\n":                   "0123",
		good + "../a\n":               "../a",
		good + "a\n" + good + "a\n":   "one more file",
		good + "\n":                   "one more file",
		good + "..\n":                 "one more file",
		strings.ToUpper(good) + "a\n": "E3B0",
	} {
		_, err := ParseSums(content)
		must.Fail(t, err, want)
	}
}
