package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/download"
	"argserver/release/machine"
	"argserver/release/standin"
	"argserver/release/tags"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A subject is what to rebuild.
type subject struct {
	tag        string // in Git
	commit     string
	repository string // on GitHub, spelled as in the annotations of the image
	image      name.Reference
	index      v1.ImageIndex
	sums       map[string]string // of the published files; nil for an image alone
}

// rebuild compares what is published with what the source builds. commit is empty,
// or the commit to build instead of that of the tag.
func rebuild(ctx context.Context, arg, commit string) error {
	if err := machine.CheckBuilder(ctx); err != nil {
		return err
	}
	s, err := find(ctx, arg, commit)
	if err != nil {
		return err
	}
	fmt.Printf("rebuilding %s of %s from commit %s\n", s.tag, s.repository, s.commit)
	folder, err := os.MkdirTemp("", "verify")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	address, stop := standin.StartMemoryRegistry()
	defer stop()
	rebuilt, err := s.build(ctx, folder, address)
	if err != nil {
		return err
	}
	return s.compare(ctx, os.Stdout, rebuilt.Index, rebuilt.Files)
}

// compare reports, artifact by artifact, whether the published bytes are the same as
// the rebuilt ones.
func (s *subject) compare(ctx context.Context, w io.Writer, index v1.ImageIndex, folder string) error {
	differs := false
	report := func(artifact string, differences ...string) {
		if len(differences) == 0 {
			fmt.Fprintf(w, "same     %s\n", artifact)
		}
		for _, difference := range differences {
			fmt.Fprintf(w, "DIFFERS  %s: %s\n", artifact, difference)
			differs = true
		}
	}
	differences, err := check.CompareIndex(s.index, index)
	if err != nil {
		return err
	}
	report(s.image.String(), differences...)
	if s.sums != nil {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		listed := maps.Clone(s.sums)
		for _, entry := range entries {
			name := entry.Name()
			delete(listed, name)
			difference, err := s.compareFile(ctx, filepath.Join(folder, name))
			switch {
			case err != nil:
				return err
			case difference != "":
				report(name, difference)
			default:
				report(name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(listed)) {
			report(name, "published, as "+check.SumsFile+" says, not rebuilt")
		}
	}
	if differs {
		return errors.New("the published release is not what the source builds")
	}
	return nil
}

// find returns what an argument of the command line stands for. It believes nothing
// that the image says about itself: version, repository and commit must be those
// that the argument and the clone name.
func find(ctx context.Context, arg, commit string) (*subject, error) {
	s := new(subject)
	image, version, repository := arg, "", ""
	exact, err := tags.Exact(arg)
	isVersion := err == nil
	if isVersion {
		version = exact
		if repository, err = originRepository(ctx); err != nil {
			return nil, err
		}
		image = cmp.Or(os.Getenv("REGISTRY"), "ghcr.io") + "/" + strings.ToLower(repository) + ":" + version
	}
	if s.image, err = name.ParseReference(image); err != nil {
		return nil, err
	}
	if !isVersion {
		repository = s.image.Context().RepositoryStr()
		if tag, ok := s.image.(name.Tag); ok {
			version, _ = tags.Exact(tag.TagStr())
		}
	}
	if s.index, err = readIndex(ctx, s.image); err != nil {
		return nil, err
	}
	manifest, err := s.index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if err := s.judge(ctx, manifest.Annotations, version, repository, commit); err != nil {
		return nil, fmt.Errorf("%s: %w", s.image, err)
	}
	if version == "" {
		fmt.Printf("%s claims to be version %s of %s\n", s.image, s.tag[1:], s.repository)
	}
	if isVersion {
		s.sums, err = s.readSums(ctx)
	}
	return s, err
}

// judge compares what an image says about itself with what was asked for. An empty
// version means any, and an empty commit means that of the tag.
func (s *subject) judge(ctx context.Context, annotations map[string]string, version, repository, commit string) error {
	annotation := func(key string) string { return annotations["org.opencontainers.image."+key] }
	claimed, err := tags.Exact(annotation("version"))
	if err != nil || claimed != annotation("version") || version != "" && claimed != version {
		return fmt.Errorf("annotation version is %q, want %s", annotation("version"), cmp.Or(version, "a semantic version, such as 1.2.3"))
	}
	s.tag = "v" + claimed
	// GitHub and the names of images ignore case, but the bytes contain one spelling.
	const gitHub = "https://github.com/"
	source, ok := strings.CutPrefix(annotation("source"), gitHub)
	if !ok || !strings.EqualFold(source, repository) {
		return fmt.Errorf("annotation source is %q, want %s%s", annotation("source"), gitHub, repository)
	}
	s.repository = source

	want := "the commit of the tag " + s.tag + " in this clone"
	if commit == "" {
		s.commit, err = git(ctx, "rev-parse", "--verify", "--quiet", "refs/tags/"+s.tag+"^{commit}")
		if err != nil {
			return fmt.Errorf("this clone has no tag %s: try git fetch --tags, or name the commit that you trust, which the image says is %q",
				s.tag, annotation("revision"))
		}
	} else {
		want = "the commit that you named"
		s.commit, err = git(ctx, "rev-parse", "--verify", "--quiet", commit+"^{commit}")
		if err != nil {
			return fmt.Errorf("this clone has no commit %q: try git fetch --tags", commit)
		}
	}
	if annotation("revision") != s.commit {
		return fmt.Errorf("annotation revision is %q, want %s, %s", annotation("revision"), s.commit, want)
	}
	return nil
}

// readSums reads the published checksums. GitHub does not show those of a draft.
func (s *subject) readSums(ctx context.Context) (map[string]string, error) {
	content, err := download.Get(ctx, s.url(check.SumsFile))
	if errors.Is(err, download.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s has no public release of the tag %s, or the release lacks %s", err, s.repository, s.tag, check.SumsFile)
	}
	if err != nil {
		return nil, err
	}
	sums, err := check.ParseSums(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.url(check.SumsFile), err)
	}
	return sums, nil
}

func (s *subject) url(file string) string {
	return releasesURL(s.repository) + "/download/" + s.tag + "/" + file
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
		ImageOnly:  s.sums == nil,
		NoCache:    true,
		Log:        os.Stderr,
	})
}

func (s *subject) compareFile(ctx context.Context, rebuilt string) (difference string, err error) {
	published, err := download.Get(ctx, s.url(filepath.Base(rebuilt)))
	if errors.Is(err, download.ErrNotFound) {
		return "rebuilt, not published: " + err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(rebuilt)
	if err != nil {
		return "", err
	}
	return check.CompareFile(published, content), nil
}
