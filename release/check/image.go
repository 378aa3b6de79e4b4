// Package check checks binaries, images, indexes and checksums without running
// them. It also compares two releases.
package check

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"argserver/release/build"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// checkMetadata reports each label of an image, or annotation of the index, that says
// another origin. The rest of them is the program's own.
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
func checkMetadata(got map[string]string, m build.Metadata) error {
	var problems []error
	for key, want := range map[string]string{
		"source":   m.Source,
		"revision": m.Revision,
		"version":  m.Version,
		"created":  m.Created.UTC().Format(time.RFC3339),
	} {
		if key = "org.opencontainers.image." + key; got[key] != want {
			problems = append(problems, fmt.Errorf("%s is %q, want %q", key, got[key], want))
		}
	}
	return errors.Join(problems...)
}

// Claim is the metadata that an index claims to have, in its annotations. It
// holds no version of Go.
func Claim(index v1.ImageIndex) (build.Metadata, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return build.Metadata{}, err
	}
	annotation := func(key string) string { return manifest.Annotations["org.opencontainers.image."+key] }
	created, err := time.Parse(time.RFC3339, annotation("created"))
	if err != nil {
		return build.Metadata{}, fmt.Errorf("index: annotation created: %w", err)
	}
	return build.Metadata{Source: annotation("source"), Revision: annotation("revision"), Version: annotation("version"), Created: created}, nil
}

// Index reports everything that is wrong with an image index, and returns its
// platforms. It must list one image for each platform, nothing else, and carry
// the metadata as annotations. Image checks the images.
func Index(index v1.ImageIndex, m build.Metadata) ([]v1.Platform, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var problems []error
	var platforms []v1.Platform
	for _, descriptor := range manifest.Manifests {
		switch p := descriptor.Platform; {
		case !descriptor.MediaType.IsImage():
			problems = append(problems, fmt.Errorf("index: %s has the media type %q, want an image", descriptor.Digest, descriptor.MediaType))
		case p == nil || p.OS != "linux":
			problems = append(problems, fmt.Errorf("index: %s is for the platform %v, want one of linux, and no attestation", descriptor.Digest, p))
		case slices.ContainsFunc(platforms, p.Equals):
			problems = append(problems, fmt.Errorf("index: %s is a second image for %s", descriptor.Digest, p))
		default:
			platforms = append(platforms, *p)
		}
	}
	if platforms == nil {
		problems = append(problems, errors.New("index: it lists no image"))
	}
	if err := checkMetadata(manifest.Annotations, m); err != nil {
		problems = append(problems, fmt.Errorf("index: annotations: %w", err))
	}
	return platforms, errors.Join(problems...)
}

// PlatformImage returns the image for a platform in an index.
func PlatformImage(index v1.ImageIndex, p v1.Platform) (v1.Image, error) {
	images, err := partial.FindImages(index, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Equals(p) })
	if err != nil {
		return nil, err
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("the index has %d images for %s, want 1", len(images), p)
	}
	return images[0], nil
}

// PulledBytes returns the number of bytes that a pull of an image transfers:
// manifest, configuration and layers.
func PulledBytes(image v1.Image) (int64, error) {
	pulled, err := image.Size()
	if err != nil {
		return 0, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return 0, err
	}
	for _, descriptor := range append(manifest.Layers, manifest.Config) {
		pulled += descriptor.Size
	}
	return pulled, nil
}

// Image reports everything that is wrong with the image for a platform, and
// returns the binary in it, which is its entry point. Besides the binary, the image
// contains what the repository has in rootfs and nothing else.
func Image(image v1.Image, p v1.Platform, m build.Metadata, repository string) (binary []byte, err error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	binary, err = checkFiles(image, file.Config.Entrypoint, m, repository)
	if err := errors.Join(checkConfig(file, p, m), err); err != nil {
		return nil, fmt.Errorf("image for %s: %w", p, err)
	}
	return binary, nil
}

// user is a number, so that the kubelet can check that it is not root.
var user = regexp.MustCompile(`^[1-9][0-9]*(:[0-9]+)?$`)

func checkConfig(file *v1.ConfigFile, p v1.Platform, m build.Metadata) error {
	var problems []error
	if got := file.Platform(); !got.Equals(p) {
		problems = append(problems, fmt.Errorf("config: platform %s, want %s", got, p))
	}
	if !file.Created.Equal(m.Created) {
		problems = append(problems, fmt.Errorf("config: created %v, want %v", file.Created, m.Created))
	}
	for _, entry := range file.History {
		if !entry.Created.Equal(m.Created) {
			problems = append(problems, fmt.Errorf("config: history of %v, want %v: %s", entry.Created, m.Created, entry.CreatedBy))
		}
	}
	if !user.MatchString(file.Config.User) {
		problems = append(problems, fmt.Errorf("config: user %q, want a number that is not 0, such as USER 65532:65532 in the Dockerfile", file.Config.User))
	}
	if err := checkMetadata(file.Config.Labels, m); err != nil {
		problems = append(problems, fmt.Errorf("config: labels: %w", err))
	}
	return errors.Join(problems...)
}

// A file is what an image must contain under a path.
type file struct {
	mode    fs.FileMode // the type; with the permissions only for the binary
	content string      // or the target of a link; of the binary it is not known
}

// wantedFiles returns what an image must contain, by path: the binary, its parent
// directories and all that is in rootfs.
func wantedFiles(repository, binary string) (map[string]file, error) {
	wanted := map[string]file{binary: {mode: 0o755}}
	for parent := path.Dir(binary); parent != "."; parent = path.Dir(parent) {
		wanted[parent] = file{mode: fs.ModeDir}
	}
	root := filepath.Join(repository, "rootfs")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return wanted, nil
	}
	return wanted, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		f := file{mode: d.Type()}
		switch f.mode {
		case 0:
			var content []byte
			content, err = os.ReadFile(name)
			f.content = string(content)
		case fs.ModeSymlink:
			f.content, err = os.Readlink(name)
		}
		wanted[filepath.ToSlash(name[len(root)+1:])] = f
		return err
	})
}

func checkFiles(image v1.Image, entrypoint []string, m build.Metadata, repository string) (binary []byte, err error) {
	if len(entrypoint) == 0 || !path.IsAbs(entrypoint[0]) {
		return nil, fmt.Errorf("config: entry point %q, want the path of the binary", entrypoint)
	}
	name := path.Clean(entrypoint[0])[1:]
	wanted, err := wantedFiles(repository, name)
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	var problems []error
	seen := make(map[string]bool)
	for _, layer := range layers {
		uncompressed, err := layer.Uncompressed()
		if err != nil {
			return nil, err
		}
		defer uncompressed.Close()
		archive := tar.NewReader(uncompressed)
		for {
			header, err := archive.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			content, err := io.ReadAll(archive)
			if err != nil {
				return nil, err
			}
			header.Name = strings.Trim(header.Name, "/")
			want, ok := wanted[header.Name]
			switch {
			case !ok:
				problems = append(problems, fmt.Errorf("%s: it is neither the binary nor in rootfs: move it there, or remove its COPY", header.Name))
				continue
			case seen[header.Name] && !want.mode.IsDir(): // each layer repeats directories
				problems = append(problems, fmt.Errorf("%s: it is there twice", header.Name))
			}
			seen[header.Name] = true
			if header.Name == name {
				binary, want.content = content, string(content)
			}
			problems = append(problems, checkFile(header, string(content)+header.Linkname, want, m))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !seen[name] {
			problems = append(problems, fmt.Errorf("%s: the image lacks it", name))
		}
	}
	return binary, errors.Join(problems...)
}

// checkFile checks an entry of a layer. Its content is the target of a link.
func checkFile(header *tar.Header, content string, want file, m build.Metadata) error {
	var problems []error
	fail := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %w", header.Name, fmt.Errorf(format, args...)))
	}
	mode := header.FileInfo().Mode()
	switch permissions := mode &^ fs.ModeType; {
	case mode.Type() != want.mode.Type():
		fail("type %v, want %v", mode.Type(), want.mode.Type())
	case want.mode.Perm() != 0 && mode != want.mode:
		fail("mode %v, want %v", mode, want.mode)
	case mode.Type() != fs.ModeSymlink && permissions != 0o755 && (mode.IsDir() || permissions != 0o644):
		// In a clone, they depend on the umask.
		fail("mode %v, want 755, or 644 for a file: COPY --chmod=u=rwX,go=rX in the Dockerfile", mode)
	case content != want.content:
		fail("it contains %.100q, want %.100q as in rootfs", content, want.content)
	}
	if !header.ModTime.Equal(m.Created) {
		fail("modified %v, want %v", header.ModTime.UTC(), m.Created)
	}
	// Extended attributes could hold capabilities.
	if len(header.PAXRecords) > 0 {
		fail("it has the PAX records %q, want none", header.PAXRecords)
	}
	// No user of the container owns a file, so none can change it.
	if header.Uid != 0 || header.Gid != 0 {
		fail("owner %d:%d, want 0:0", header.Uid, header.Gid)
	}
	return errors.Join(problems...)
}
