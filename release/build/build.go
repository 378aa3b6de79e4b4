// Package build releases a commit with GoReleaser into a registry and a folder,
// without publishing anything.
package build

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"argserver/release/internal/command"
	"argserver/release/notes"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/modfile"
)

// Options say what to release and where to put it.
type Options struct {
	Clone      string // a git repository
	Commit     string // a commit in it
	Tag        string // the version of the release, such as v1.2.3
	Repository string // on GitHub, as OWNER/NAME
	Registry   string // host and port
	Folder     string // an empty folder for the output
	ImageOnly  bool   // build only the binaries of the image
	NoCache    bool   // use no cache of Go or BuildKit
	Log        io.Writer
}

// A Release is the output of GoReleaser.
type Release struct {
	Tag       string
	Metadata  Metadata
	Clone     string // folder of the clone that was built
	Files     string // folder of the published files
	Binaries  []Binary
	Image     string        // repository of the image, without a tag or digest
	Platforms []v1.Platform // of the image
	Index     v1.ImageIndex
	Notes     string
	Draft     bool
}

// Metadata says where a release comes from.
type Metadata struct {
	Source    string    // URL of the repository
	Revision  string    // full commit hash
	Version   string    // without the leading v
	Created   time.Time // of the commit
	GoVersion string    // such as go1.2.3
}

// A Binary is a published binary.
type Binary struct {
	Name     string
	Path     string
	Platform v1.Platform
}

// Make releases a commit from a clone of its own. It runs the GoReleaser of the module
// that the working directory is in, with the current builder of buildx.
func Make(ctx context.Context, o Options) (*Release, error) {
	r := &Release{
		Tag:   o.Tag,
		Clone: filepath.Join(o.Folder, "clone"),
		Image: o.Registry + "/" + strings.ToLower(o.Repository),
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-tags", "--no-checkout", o.Clone, r.Clone},
		{"-C", r.Clone, "checkout", "--quiet", "--detach", o.Commit},
		{"-C", r.Clone, "tag", o.Tag},
	} {
		if _, err := command.Output(exec.CommandContext(ctx, "git", args...)); err != nil {
			return nil, err
		}
	}
	if err := r.readMetadata(ctx, o); err != nil {
		return nil, err
	}
	config, err := writeConfig(r.Clone, o)
	if err != nil {
		return nil, err
	}
	footer := filepath.Join(o.Folder, "notes.md")
	if err := os.WriteFile(footer, []byte(notes.Template), 0o666); err != nil {
		return nil, err
	}
	gitHub := standin.StartGitHub(o.Repository, o.Folder)
	defer gitHub.Close()
	goreleaser, err := command.Output(exec.CommandContext(ctx, "go", "tool", "-n", "goreleaser"))
	if err != nil {
		return nil, err
	}
	// SBOMs are skipped: they hold a timestamp and differ each time.
	cmd := exec.CommandContext(ctx, goreleaser, "release", "--config="+config, "--release-footer-tmpl="+footer, "--skip=sbom")
	cmd.Dir = r.Clone
	cmd.Env = append(os.Environ(),
		"REGISTRY="+o.Registry,
		"GITHUB_REPOSITORY="+o.Repository,
		"GITHUB_API="+gitHub.URL,
		"GITHUB_TOKEN=none",
		"GORELEASER_CURRENT_TAG="+o.Tag,
		"PIPELINE="+notes.Pipeline(o.Repository, o.Tag),
	)
	if o.NoCache {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(o.Folder, "go-build"))
	}
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("goreleaser release: %w", err)
	}
	draft := gitHub.Releases()[1]
	r.Files = gitHub.Assets(1)
	r.Notes, _ = draft["body"].(string)
	r.Draft, _ = draft["draft"].(bool)
	return r, r.readArtifacts(ctx)
}

// ReadCommit reads the full hash and the date of a commit of a clone.
func ReadCommit(ctx context.Context, clone, commit string) (m Metadata, err error) {
	log, err := command.Output(exec.CommandContext(ctx, "git", "-C", clone, "log", "-1", "--format=%H %cI", commit))
	if err != nil {
		return m, err
	}
	revision, date, _ := strings.Cut(log, " ")
	m.Revision = revision
	m.Created, err = time.Parse(time.RFC3339, date)
	return m, err
}

// readMetadata reads the revision, the date and the version of Go.
func (r *Release) readMetadata(ctx context.Context, o Options) (err error) {
	if r.Metadata, err = ReadCommit(ctx, r.Clone, "HEAD"); err != nil {
		return err
	}
	path := filepath.Join(r.Clone, "go.mod")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(path, content, nil)
	if err != nil {
		return err
	}
	if mod.Toolchain == nil {
		return fmt.Errorf("%s pins no Go version: want a line such as toolchain go1.2.3, above a go line with a lower version", path)
	}
	r.Metadata.Source = "https://github.com/" + o.Repository
	r.Metadata.Version = strings.TrimPrefix(o.Tag, "v")
	r.Metadata.GoVersion = mod.Toolchain.Name
	return nil
}

// readArtifacts reads GoReleaser's list of artifacts.
// https://goreleaser.com/customization/general/artifacts/
func (r *Release) readArtifacts(ctx context.Context) error {
	content, err := os.ReadFile(filepath.Join(r.Clone, "dist", "artifacts.json"))
	if err != nil {
		return err
	}
	var artifacts []struct {
		Name, Type, Goos, Goarch, Goarm string
		Extra                           struct {
			Format, Digest string
			Platforms      []string
		}
	}
	if err := json.Unmarshal(content, &artifacts); err != nil {
		return fmt.Errorf("artifacts.json: %w", err)
	}
	for _, a := range artifacts {
		switch {
		case a.Extra.Format == "binary":
			p := v1.Platform{OS: a.Goos, Architecture: a.Goarch}
			if a.Goarm != "" {
				p.Variant = "v" + a.Goarm
			}
			r.Binaries = append(r.Binaries, Binary{a.Name, filepath.Join(r.Files, a.Name), p})
		case a.Extra.Platforms != nil:
			for _, name := range a.Extra.Platforms {
				p, err := v1.ParsePlatform(name)
				if err != nil {
					return err
				}
				r.Platforms = append(r.Platforms, *p)
			}
			digest, err := name.NewDigest(r.Image + "@" + a.Extra.Digest)
			if err != nil {
				return err
			}
			if r.Index, err = remote.Index(digest, remote.WithContext(ctx)); err != nil {
				return err
			}
		}
	}
	if r.Binaries == nil || r.Index == nil {
		return fmt.Errorf("artifacts.json lists %d binaries and %d platforms, want at least one of each", len(r.Binaries), len(r.Platforms))
	}
	return nil
}

// Binary is the published binary for a platform.
func (r *Release) Binary(p v1.Platform) (Binary, error) {
	for _, b := range r.Binaries {
		if b.Platform.Equals(p) {
			return b, nil
		}
	}
	return Binary{}, fmt.Errorf("the release has no binary for %s", p)
}
