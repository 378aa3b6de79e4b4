package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"argserver/release/build"
	"argserver/release/internal/command"
	"argserver/release/machine"
	"argserver/release/smoke"

	"golang.org/x/sync/errgroup"
)

// measureRelease times a release, from the tag to the last platform tested, and
// then the plain go build commands for the same binaries. Both start with an empty
// Go build cache. GoReleaser itself is built before the clock starts.
func measureRelease(ctx context.Context, options build.Options) error {
	architectures, err := build.Architectures("..")
	if err != nil {
		return err
	}
	if err := machine.Check(ctx, architectures); err != nil {
		return err
	}
	if _, err := command.Output(exec.CommandContext(ctx, "go", "tool", "-n", "goreleaser")); err != nil {
		return err
	}
	progress("release")
	start := time.Now()
	release, err := build.Make(ctx, options)
	if err != nil {
		return err
	}
	progress("platforms")
	if err := tryPlatforms(ctx, release); err != nil {
		return err
	}
	all := time.Since(start)
	progress("go builds")
	start = time.Now()
	if err := buildAll(ctx, options.Folder, release.Binaries); err != nil {
		return err
	}
	builds := time.Since(start)
	fmt.Printf("%v from the tag to the last platform tested, %v for go build alone: ×%.2f\n",
		all.Round(time.Second), builds.Round(time.Second), all.Seconds()/builds.Seconds())
	return nil
}

// buildAll builds argserver for one platform after another, with the flags of the
// release.
func buildAll(ctx context.Context, folder string, binaries []build.Binary) error {
	project, err := build.LoadConfig("..")
	if err != nil {
		return err
	}
	flags := project.Builds[0]
	args := append([]string{"-C=..", "-tags=" + strings.Join(flags.Tags, ","), "-ldflags=-s -w",
		"-o=" + filepath.Join(folder, "argserver-bare")}, flags.Flags...)
	for _, flag := range flags.Gcflags {
		args = append(args, "-gcflags="+flag)
	}
	for _, b := range binaries {
		environ := append([]string{"GOCACHE=" + filepath.Join(folder, "go-build-bare"), "GOMIPS=softfloat"}, platformEnviron(b.Platform)...)
		if err := goBuild(ctx, environ, args...); err != nil {
			return err
		}
	}
	return nil
}

// tryPlatforms tests every Linux binary and every platform of the image, as many
// at once as a rehearsal does.
func tryPlatforms(ctx context.Context, release *build.Release) error {
	test, err := smoke.Load("..")
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, b := range release.Binaries {
		if b.Platform.OS == "linux" {
			group.Go(func() error {
				return test.Binary(ctx, os.Stderr, b.Path, b.Platform, release.Metadata)
			})
		}
	}
	for _, p := range release.Platforms {
		group.Go(func() error {
			return test.Image(ctx, os.Stderr, release.Image, release.Index, p, release.Metadata)
		})
	}
	return group.Wait()
}
