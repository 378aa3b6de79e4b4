package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/smoke"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

func tryImage(ctx context.Context, image string) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	index, err := readIndex(ctx, ref)
	if err != nil {
		return err
	}
	claim, err := check.Claim(index)
	if err != nil {
		return err
	}
	platforms, err := check.Index(index, claim)
	if err != nil {
		return err
	}
	clone, test, err := readClone(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(3) // each is a QEMU
	for _, p := range platforms {
		group.Go(func() error {
			image, err := check.PlatformImage(index, p)
			if err != nil {
				return err
			}
			binary, err := check.Image(image, p, claim, clone)
			if err != nil {
				return err
			}
			if err := check.Binary(binary, p, ""); err != nil {
				return err
			}
			if err := test.Image(ctx, os.Stderr, ref.Context().Name(), index, p, claim); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			fmt.Println(p)
			return nil
		})
	}
	return group.Wait()
}

// readClone returns the folder of this clone and what its smoke.yaml says.
func readClone(ctx context.Context) (folder string, test *smoke.Test, err error) {
	if folder, err = git(ctx, "rev-parse", "--show-toplevel"); err != nil {
		return "", nil, err
	}
	test, err = smoke.Load(folder)
	return folder, test, err
}

// tryFiles checks the files of the release that a tag of this clone names.
func tryFiles(ctx context.Context, tag, folder string) error {
	clone, test, err := readClone(ctx)
	if err != nil {
		return err
	}
	metadata, err := build.ReadCommit(ctx, clone, "refs/tags/"+tag)
	if err != nil {
		return err
	}
	metadata.Version = strings.TrimPrefix(tag, "v")
	names, err := check.Sums(folder)
	if err != nil {
		return err
	}
	own := v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}
	var runs string
	var problems []error
	for _, name := range names {
		p, err := check.Platform(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		path := filepath.Join(folder, name)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := check.Binary(content, p, ""); err != nil {
			problems = append(problems, err)
		}
		if p.Equals(own) {
			runs = path
		}
	}
	if problems != nil {
		return errors.Join(problems...)
	}
	if runs == "" {
		fmt.Printf("%d binaries checked; none is for %s, so there is nothing to run\n", len(names), own)
		return nil
	}
	if err := test.Binary(ctx, os.Stderr, runs, own, metadata); err != nil {
		return fmt.Errorf("%s: %w", runs, err)
	}
	fmt.Println(runs)
	return nil
}
