package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/download"
	"argserver/release/machine"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/semver"
)

// A subject is what to rebuild.
type subject struct {
	tag        string // in Git
	commit     string
	repository string
	image      name.Reference
	index      v1.ImageIndex
	imageOnly  bool
}

func rebuild(ctx context.Context, arg string) error {
	if err := machine.CheckBuilder(ctx); err != nil {
		return err
	}
	s, err := find(ctx, arg)
	if err != nil {
		return err
	}
	fmt.Printf("rebuilding %s of %s from commit %s\n", s.tag, s.repository, s.commit)
	folder, err := os.MkdirTemp("", "verify")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	rebuilt, err := s.build(ctx, folder, strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		return err
	}

	differs := false
	report := func(artifact string, differences ...string) {
		if len(differences) == 0 {
			fmt.Printf("same     %s\n", artifact)
		}
		for _, difference := range differences {
			fmt.Printf("DIFFERS  %s: %s\n", artifact, difference)
			differs = true
		}
	}
	differences, err := check.CompareIndex(s.index, rebuilt.Index)
	if err != nil {
		return err
	}
	report(s.image.String(), differences...)
	if !s.imageOnly {
		entries, err := os.ReadDir(rebuilt.Files)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			difference, err := compareFile(ctx, s, filepath.Join(rebuilt.Files, entry.Name()))
			if err != nil {
				return err
			}
			if difference == "" {
				report(entry.Name())
			} else {
				report(entry.Name(), difference)
			}
		}
	}
	if differs {
		return errors.New("the published release is not what the source builds")
	}
	return nil
}

// find returns what an argument of the command line stands for.
func find(ctx context.Context, arg string) (*subject, error) {
	s := &subject{imageOnly: true}
	image := arg
	if v := "v" + strings.TrimPrefix(arg, "v"); semver.Canonical(v) == v {
		s.imageOnly = false
		repository, err := originRepository(ctx)
		if err != nil {
			return nil, err
		}
		image = cmp.Or(os.Getenv("REGISTRY"), "ghcr.io") + "/" + strings.ToLower(repository) + ":" + v[1:]
	}
	var err error
	if s.image, err = name.ParseReference(image); err != nil {
		return nil, err
	}
	if s.index, err = remote.Index(s.image, remote.WithContext(ctx)); err != nil {
		return nil, err
	}
	manifest, err := s.index.IndexManifest()
	if err != nil {
		return nil, err
	}
	annotation := func(key string) string { return manifest.Annotations["org.opencontainers.image."+key] }
	s.tag = "v" + annotation("version")
	if semver.Canonical(s.tag) != s.tag {
		return nil, fmt.Errorf("%s: annotation version is %q, want a semantic version", s.image, annotation("version"))
	}
	var ok bool
	if s.repository, ok = strings.CutPrefix(annotation("source"), "https://github.com/"); !ok {
		return nil, fmt.Errorf("%s: annotation source is %q, want a repository of https://github.com/", s.image, annotation("source"))
	}
	s.commit, err = git(ctx, "rev-parse", "--verify", "--quiet", s.tag+"^{commit}")
	if err != nil {
		// The reader sees the hash, and has to know whether it is the right commit.
		fmt.Printf("this clone has no tag %s, so this rebuilds the commit that the image names\n", s.tag)
		s.commit, err = git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", annotation("revision")+"^{commit}")
	}
	if err != nil {
		return nil, fmt.Errorf("this clone has neither the tag %s nor the commit %q: try git fetch --tags", s.tag, annotation("revision"))
	}
	return s, nil
}

// build releases the commit into a registry, without using a cache.
func (s *subject) build(ctx context.Context, folder, registry string) (*build.Release, error) {
	clone, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	return build.Make(ctx, build.Options{
		Clone:      clone,
		Commit:     s.commit,
		Tag:        s.tag,
		Repository: s.repository,
		Registry:   registry,
		Folder:     folder,
		ImageOnly:  s.imageOnly,
		NoCache:    true,
		Log:        os.Stderr,
	})
}

func compareFile(ctx context.Context, s *subject, rebuilt string) (difference string, err error) {
	url := releasesURL(s.repository) + "/download/" + s.tag + "/" + filepath.Base(rebuilt)
	published, err := download.Get(ctx, url)
	if ctx.Err() != nil {
		return "", err
	}
	if err != nil {
		return err.Error(), nil
	}
	content, err := os.ReadFile(rebuilt)
	if err != nil {
		return "", err
	}
	return check.CompareFile(published, content), nil
}
