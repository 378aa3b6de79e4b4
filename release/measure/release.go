package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"argserver/release/build"
	"argserver/release/try"

	"golang.org/x/sync/errgroup"
)

// measureRelease times a release, from the tag to the last platform that was run,
// and the bare go builds that it contains, each with an empty cache of Go. The
// release tools are built before.
func measureRelease(ctx context.Context) error {
	if err := requireMachine(ctx); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := run(ctx, nil, "go", "tool", "-n", "goreleaser"); err != nil {
		return err
	}

	progress("release")
	start := time.Now()
	release, stop, err := makeRelease(ctx, build.Options{Folder: folder, NoCache: true})
	if err != nil {
		return err
	}
	defer stop()
	progress("platforms")
	if err := tryPlatforms(ctx, release); err != nil {
		return err
	}
	all := time.Since(start)
	progress("go builds")
	start = time.Now()
	if err := buildAll(ctx, folder, release.Binaries); err != nil {
		return err
	}
	builds := time.Since(start)
	fmt.Printf("%v from tag to the last platform's answer, %v of go build: ×%.2f\n",
		all.Round(time.Second), builds.Round(time.Second), all.Seconds()/builds.Seconds())
	return nil
}

// buildAll builds argserver for every platform, one after the other, with the
// flags of the release.
func buildAll(ctx context.Context, folder string, binaries []build.Binary) error {
	project, err := build.LoadConfig("..")
	if err != nil {
		return err
	}
	flags := project.Builds[0]
	args := append([]string{"-C", "..", "build", "-tags=" + strings.Join(flags.Tags, ","), "-ldflags=-s -w",
		"-o=" + filepath.Join(folder, "argserver-bare")}, flags.Flags...)
	for _, flag := range flags.Gcflags {
		args = append(args, "-gcflags="+flag)
	}
	for _, b := range binaries {
		environ := append([]string{"GOCACHE=" + filepath.Join(folder, "go-build-bare"), "GOMIPS=softfloat"}, platformEnviron(b.Platform)...)
		if err := run(ctx, environ, "go", args...); err != nil {
			return err
		}
	}
	return nil
}

// tryPlatforms runs every binary for Linux and every platform of the image, as
// many at once as a rehearsal does.
func tryPlatforms(ctx context.Context, release *build.Release) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, b := range release.Binaries {
		if b.Platform.OS == "linux" {
			group.Go(func() error {
				return try.Binary(ctx, os.Stderr, b.Path, b.Platform, release.Metadata)
			})
		}
	}
	for _, p := range release.Platforms {
		group.Go(func() error { return try.Image(ctx, os.Stderr, release.Image, release.Index, p) })
	}
	return group.Wait()
}
