// Verify rebuilds a published release from the source in this clone and says,
// artifact by artifact, whether the published bytes are the source's bytes.
//
//	verify VERSION   every file of the release and the image
//	verify IMAGE     the image alone, with all its platforms
//
// A version is one such as v1.2.3, of the repository that the remote origin is
// on GitHub; an image is a reference such as ghcr.io/owner/argserver:1.2.3, by
// tag or by digest, and names its version and its repository itself. Nothing is
// taken from a cache of earlier builds. It needs Docker and the builder of buildx
// that a rehearsal needs, but no credentials.
//
// Environment variables, as GitHub's workflows have them:
//
//	GITHUB_REPOSITORY  OWNER/NAME, instead of what origin says
//	GITHUB_SERVER_URL  address of GitHub; default https://github.com
//	REGISTRY           host of the registry; default ghcr.io
//
// Exit statuses: 0 all is the same, 1 something differs or could not be
// compared, 2 wrong usage.
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
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"argserver/rehearsal"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/semver"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "verify: got %d arguments, want VERSION or IMAGE\n", len(os.Args)-1)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := verify(ctx, os.Args[1])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "verify: %v\n", err)
		os.Exit(1)
	}
}

// A subject is what is to be verified.
type subject struct {
	tag        string // of git
	commit     string
	repository string
	image      name.Reference
	index      v1.ImageIndex
	imageOnly  bool
}

func verify(ctx context.Context, arg string) error {
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
	rebuilt, err := rebuild(ctx, s, folder, strings.TrimPrefix(server.URL, "http://"))
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
	differences, err := rehearsal.CompareIndex(s.index, rebuilt.Index)
	if err != nil {
		return err
	}
	report(s.image.String(), differences...)
	if !s.imageOnly {
		entries, err := os.ReadDir(rebuilt.Assets)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			difference, err := compareFile(ctx, s, filepath.Join(rebuilt.Assets, entry.Name()))
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
		return errors.New("what is published is not what the source builds")
	}
	return nil
}

// find tells what an argument of the command line means.
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
		// Whether it is the right commit is for the reader, who sees its name.
		fmt.Printf("this clone has no tag %s, so the commit is the one that the image names\n", s.tag)
		s.commit, err = git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", annotation("revision")+"^{commit}")
	}
	if err != nil {
		return nil, fmt.Errorf("this clone has neither the tag %s nor the commit %q: git fetch --tags may get them", s.tag, annotation("revision"))
	}
	return s, nil
}

// originRepository is the repository on GitHub that the clone is of.
func originRepository(ctx context.Context) (string, error) {
	if repository := os.Getenv("GITHUB_REPOSITORY"); repository != "" {
		return repository, nil
	}
	url, err := git(ctx, "remote", "get-url", "origin")
	if err != nil {
		return "", fmt.Errorf("git remote get-url origin: %w", err)
	}
	match := regexp.MustCompile(`github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?$`).FindStringSubmatch(url)
	if match == nil {
		return "", fmt.Errorf("remote origin is %q, want a repository on github.com, or GITHUB_REPOSITORY=OWNER/NAME", url)
	}
	return match[1], nil
}

// rebuild releases the commit into a registry, with an empty cache of Go.
func rebuild(ctx context.Context, s *subject, folder, registry string) (*rehearsal.Release, error) {
	clone, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	return rehearsal.Make(ctx, rehearsal.Options{
		Clone:      clone,
		Commit:     s.commit,
		Tag:        s.tag,
		Repository: s.repository,
		Registry:   registry,
		Folder:     folder,
		ImageOnly:  s.imageOnly,
		Environ:    []string{"GOCACHE=" + filepath.Join(folder, "go-build")},
		Log:        os.Stderr,
	})
}

func compareFile(ctx context.Context, s *subject, rebuilt string) (difference string, err error) {
	url := fmt.Sprintf("%s/%s/releases/download/%s/%s", cmp.Or(os.Getenv("GITHUB_SERVER_URL"), "https://github.com"),
		s.repository, s.tag, filepath.Base(rebuilt))
	published, err := rehearsal.Get(ctx, url)
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
	return rehearsal.CompareFile(published, content), nil
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	return strings.TrimSpace(string(out)), err
}
