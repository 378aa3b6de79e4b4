package product_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/release/build"
	"argserver/release/internal/must"
)

// RELEASING promises the binaries and platforms of every release, so that a target dropped
// from .goreleaser.yaml fails.
func TestPromise(t *testing.T) {
	project, err := build.LoadConfig("../..")
	if err != nil {
		t.Fatal(err)
	}
	var binaries []string
	for _, target := range project.Builds[0].Targets {
		name := strings.Replace(strings.TrimSuffix(target, "_softfloat"), "_arm_", "_armv", 1)
		if strings.HasPrefix(target, "windows_") {
			name += ".exe"
		}
		binaries = append(binaries, "argserver_"+name)
	}
	for _, problem := range checkPromise(must.Read(t, "../../RELEASING.md"), "argserver", binaries, project.DockersV2[0].Platforms) {
		t.Errorf("RELEASING.md: %s", problem)
	}
}

// checkPromise lists the binaries and platforms that a text names and that were
// not built, and those that were built and that it does not name.
func checkPromise(text, program string, binaries, platforms []string) (problems []string) {
	// Commands are examples, not promises.
	text = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	words := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \n`,;|", c) })
	compare := func(kind, pattern string, built []string) {
		var promised []string
		for _, word := range words {
			if word = strings.TrimRight(word, "."); regexp.MustCompile("^" + pattern + "$").MatchString(word) {
				promised = append(promised, word)
			}
		}
		for _, name := range built {
			if !slices.Contains(promised, name) {
				problems = append(problems, kind+" "+name+" was built but is not promised")
			}
		}
		slices.Sort(promised)
		for _, name := range slices.Compact(promised) {
			if !slices.Contains(built, name) {
				problems = append(problems, kind+" "+name+" is promised but was not built")
			}
		}
	}
	compare("binary", regexp.QuoteMeta(program)+`_[a-z0-9]+_\w+(?:\.exe)?`, binaries)
	compare("platform", `linux/\w+(?:/v\d)?`, platforms)
	return problems
}

func TestCheckPromise(t *testing.T) {
	const text = "`p_linux_armv7`, p_windows_386.exe; for linux/arm/v7, linux/amd64. `p_linux_arm.spdx.json`\n```sh\np_linux_arm64 linux/arm/v5\n```\n"
	binaries, platforms := []string{"p_linux_armv7", "p_windows_386.exe"}, []string{"linux/amd64", "linux/arm/v7"}
	for _, c := range []struct {
		binaries, platforms []string
		want                string
	}{
		{binaries, platforms, ""},
		{binaries[:1], platforms, "binary p_windows_386.exe is promised but was not built"},
		{append(binaries[:2:2], "p_linux_arm64"), platforms, "binary p_linux_arm64 was built but is not promised"},
		{binaries, platforms[:1], "platform linux/arm/v7 is promised but was not built"},
		{binaries, append(platforms[:2:2], "linux/arm/v6"), "platform linux/arm/v6 was built but is not promised"},
	} {
		if got := strings.Join(checkPromise(text, "p", c.binaries, c.platforms), "\n"); got != c.want {
			t.Errorf("with %q and %q got %q, want %q", c.binaries, c.platforms, got, c.want)
		}
	}
}
