package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"argserver/rehearsal/standin"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/modfile"
)

// Options say what to release, and into what.
type Options struct {
	Clone      string // a git repository
	Commit     string // in it
	Tag        string // that the commit is released as, such as v1.2.3
	Repository string // on GitHub, as OWNER/NAME
	Registry   string // host and port
	Folder     string // an empty one, for all that comes out
	ImageOnly  bool   // to build no other binaries than those of the image
	Environ    []string
	Log        io.Writer
}

// A Release is what a run of GoReleaser left behind.
type Release struct {
	Tag       string
	Metadata  Metadata
	GoVersion string // that the binaries must be built by, such as go1.2.3
	Clone     string // the folder that it was released from
	Assets    string // the folder of the published files
	Notes     string
	Draft     bool
	Image     string // repository of the image, without tag or digest
	Index     v1.ImageIndex
}

// Make releases a commit, with a real run of GoReleaser from a clone of its own,
// into a registry and a stand-in for GitHub. It needs the builder of buildx that
// is the current one.
func Make(ctx context.Context, o Options) (*Release, error) {
	r := &Release{
		Tag:   o.Tag,
		Clone: filepath.Join(o.Folder, "argserver"),
		Image: o.Registry + "/" + strings.ToLower(o.Repository),
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-tags", "--no-checkout", o.Clone, r.Clone},
		{"-C", r.Clone, "checkout", "--quiet", "--detach", o.Commit},
		{"-C", r.Clone, "tag", o.Tag},
	} {
		if _, err := output(ctx, "git", args...); err != nil {
			return nil, err
		}
	}
	if err := r.describe(ctx, o); err != nil {
		return nil, err
	}

	config := filepath.Join(r.Clone, ".goreleaser.yaml")
	if o.ImageOnly {
		reduced := filepath.Join(o.Folder, "image.yaml")
		if err := writeImageConfig(config, reduced); err != nil {
			return nil, err
		}
		config = reduced
	}
	goreleaser, err := output(ctx, "go", "tool", "-n", "goreleaser")
	if err != nil {
		return nil, err
	}
	gitHub := standin.StartGitHub(o.Repository, o.Folder)
	defer gitHub.Close()
	// What syft writes is no part of what is compared: it says when it was made.
	cmd := exec.CommandContext(ctx, goreleaser, "release", "--config="+config, "--skip=sbom")
	cmd.Dir = r.Clone
	cmd.Env = append(os.Environ(),
		"REGISTRY="+o.Registry,
		"GITHUB_REPOSITORY="+o.Repository,
		"GITHUB_API="+gitHub.URL,
		"GITHUB_TOKEN=none",
		"GORELEASER_CURRENT_TAG="+o.Tag,
	)
	cmd.Env = append(cmd.Env, o.Environ...)
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("goreleaser release: %w", err)
	}
	draft := gitHub.Releases()[1]
	r.Assets = gitHub.Assets(1)
	r.Notes, _ = draft["body"].(string)
	r.Draft, _ = draft["draft"].(bool)
	tag, err := name.ParseReference(r.Image + ":sha-" + r.Metadata.Revision)
	if err != nil {
		return nil, err
	}
	r.Index, err = remote.Index(tag, remote.WithContext(ctx))
	return r, err
}

// describe fills in what the commit says of itself.
func (r *Release) describe(ctx context.Context, o Options) error {
	log, err := output(ctx, "git", "-C", r.Clone, "log", "-1", "--format=%H %cI")
	if err != nil {
		return err
	}
	revision, date, _ := strings.Cut(log, " ")
	created, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return err
	}
	r.Metadata = Metadata{
		Source:   "https://github.com/" + o.Repository,
		Revision: revision,
		Version:  strings.TrimPrefix(o.Tag, "v"),
		Created:  created,
	}
	mod, err := readGoMod(filepath.Join(r.Clone, "go.mod"))
	if err != nil {
		return err
	}
	if mod.Toolchain == nil {
		return fmt.Errorf("%s pins no Go: want a line such as toolchain go1.2.3", mod.Syntax.Name)
	}
	r.GoVersion = mod.Toolchain.Name
	return nil
}

// Binary is the path of the raw binary that was published for a platform.
func (r *Release) Binary(p v1.Platform) string {
	return filepath.Join(r.Assets, BinaryName(p))
}

// Version is what the binary of a platform answers to GET /version.
func (r *Release) Version(p v1.Platform) string {
	return fmt.Sprintf("version %s\ncommit %s\ndate %s\ngo %s\nplatform %s/%s\n", r.Metadata.Version, r.Metadata.Revision,
		r.Metadata.Created.UTC().Format(time.RFC3339), r.GoVersion, p.OS, p.Architecture)
}

var targetLine = regexp.MustCompile(`^ +- ((?:linux|darwin|windows|[a-z]+bsd|dragonfly|illumos)_\w+)\n$`)

// writeImageConfig writes a configuration of GoReleaser without the targets that
// do not go into the image.
func writeImageConfig(config, reduced string) error {
	targets := make(map[string]bool)
	for _, p := range ImagePlatforms {
		target := p.OS + "_" + p.Architecture + "_" + strings.TrimPrefix(p.Variant, "v")
		targets[strings.TrimSuffix(target, "_")] = true
	}
	content, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var b strings.Builder
	for line := range strings.Lines(string(content)) {
		if match := targetLine.FindStringSubmatch(line); match == nil || targets[match[1]] {
			b.WriteString(line)
		}
	}
	return os.WriteFile(reduced, []byte(b.String()), 0o666)
}

func readGoMod(path string) (*modfile.File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(path, content, nil)
}

// output runs a command and returns what it prints, without the last line end.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(log.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
