package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"argserver/release/check"
	"argserver/release/internal/command"
	"argserver/release/notes"
)

// signatures runs the commands of the release notes that verify something, in a folder
// of downloaded files. Given an image too, it verifies that image, and the provenance of
// every file instead of one.
func signatures(ctx context.Context, tag, folder, image string) error {
	repository, err := originRepository(ctx)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(folder, check.SumsFile))
	if err != nil {
		return err
	}
	sums, err := check.ParseSums(string(content))
	if err != nil {
		return err
	}
	const suffix = "_linux_amd64" // the notes name this binary
	binaries := slices.Sorted(maps.Keys(sums))
	i := slices.IndexFunc(binaries, func(name string) bool { return strings.HasSuffix(name, suffix) })
	if i < 0 {
		return fmt.Errorf("%s lists %q, want a binary for linux/amd64 among them", check.SumsFile, binaries)
	}
	text, err := notes.Render(strings.TrimSuffix(binaries[i], suffix), tag, map[string]string{
		"REGISTRY": cmp.Or(os.Getenv("REGISTRY"), "ghcr.io"), "GITHUB_REPOSITORY": repository, "PIPELINE": notes.Pipeline(repository, tag),
	})
	if err != nil {
		return err
	}
	for _, line := range notes.Commands(text) {
		words := strings.Fields(line)
		subjects := []string{words[2]}
		switch {
		case words[1] == "verify-attestation" && image == "":
			continue
		case words[1] == "verify-attestation":
			subjects = []string{image}
		case words[1] == "verify-blob-attestation" && image != "":
			subjects = check.Files(binaries)[len(check.Files(nil)):]
		}
		for _, words[2] = range subjects {
			cmd := exec.CommandContext(ctx, words[0], words[1:]...)
			cmd.Dir = folder
			if _, err := command.Output(cmd); err != nil {
				return err
			}
			fmt.Println(strings.Join(words, " "))
		}
	}
	return nil
}
