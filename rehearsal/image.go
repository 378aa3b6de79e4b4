package rehearsal

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// Metadata is what an image says of its origin.
type Metadata struct {
	Source   string    // address of the repository
	Revision string    // the commit, whole
	Version  string    // without the leading v
	Created  time.Time // of the commit
}

// labels are the labels of each image and the annotations of the index, as the
// OCI image specification names them.
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
func (m Metadata) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "argserver",
		"org.opencontainers.image.description": "Answers over HTTP with the arguments it was started with",
		"org.opencontainers.image.source":      m.Source,
		"org.opencontainers.image.revision":    m.Revision,
		"org.opencontainers.image.version":     m.Version,
		"org.opencontainers.image.licenses":    "MIT",
		"org.opencontainers.image.created":     m.Created.UTC().Format(time.RFC3339),
	}
}

// CheckIndex reports everything that is wrong with the list of an image index:
// each platform of the image once, nothing else, and the metadata as
// annotations. The images themselves are for CheckImage.
func CheckIndex(index v1.ImageIndex, m Metadata) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	var problems []error
	var got, want []string
	for _, descriptor := range manifest.Manifests {
		if descriptor.Platform == nil {
			problems = append(problems, fmt.Errorf("index: %s has no platform", descriptor.Digest))
			continue
		}
		got = append(got, descriptor.Platform.String())
	}
	for _, p := range ImagePlatforms {
		want = append(want, p.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		problems = append(problems, fmt.Errorf("index: platforms %q, want %q", got, want))
	}
	if !maps.Equal(manifest.Annotations, m.labels()) {
		problems = append(problems, fmt.Errorf("index: annotations %q, want %q", manifest.Annotations, m.labels()))
	}
	return errors.Join(problems...)
}

// PlatformImage is the one image that an index has for a platform.
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

// PulledBytes is what a pull of an image transfers: manifest, configuration and
// layers.
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

// CheckImage reports everything that is wrong with the image of one platform:
// it must hold the raw binary to the byte, the link healthcheck and nothing
// else, and be configured as the Dockerfile says.
func CheckImage(image v1.Image, p v1.Platform, raw []byte, m Metadata) error {
	if err := errors.Join(checkConfig(image, p, m), checkFiles(image, raw, m)); err != nil {
		return fmt.Errorf("image for %s: %w", p, err)
	}
	return nil
}

func checkConfig(image v1.Image, p v1.Platform, m Metadata) error {
	file, err := image.ConfigFile()
	if err != nil {
		return err
	}
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
	want := v1.Config{
		User:         "65532:65532",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		// BuildKit gives it to every image.
		Env:         []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Entrypoint:  []string{"/argserver"},
		Cmd:         []string{"a", "b", "c", "d"},
		WorkingDir:  "/",
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/healthcheck"}, Interval: 5 * time.Second, Timeout: 4 * time.Second},
		Labels:      m.labels(),
		// An old word to Docker for Windows, which BuildKit still says for all.
		ArgsEscaped: true,
	}
	got, expected := reflect.ValueOf(file.Config), reflect.ValueOf(want)
	for i := range got.NumField() {
		if g, w := got.Field(i).Interface(), expected.Field(i).Interface(); !reflect.DeepEqual(g, w) {
			problems = append(problems, fmt.Errorf("config: %s is %+v, want %+v", got.Type().Field(i).Name, g, w))
		}
	}
	return errors.Join(problems...)
}

func checkFiles(image v1.Image, raw []byte, m Metadata) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	var problems []error
	var names []string
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			return err
		}
		defer content.Close()
		archive := tar.NewReader(content)
		for {
			header, err := archive.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(header.Name, "/")
			names = append(names, name)
			problems = append(problems, checkFile(header, archive, name, raw, m))
		}
	}
	slices.Sort(names)
	if want := []string{"argserver", "healthcheck"}; !slices.Equal(names, want) {
		problems = append(problems, fmt.Errorf("layers: they hold %q, want %q", names, want))
	}
	return errors.Join(problems...)
}

// checkFile judges one entry of a layer. A name that should not be there is for
// its caller.
func checkFile(header *tar.Header, content io.Reader, name string, raw []byte, m Metadata) error {
	var problems []error
	if !header.ModTime.Equal(m.Created) {
		problems = append(problems, fmt.Errorf("%s: modified %v, want %v", name, header.ModTime.UTC(), m.Created))
	}
	if header.Uid != 0 || header.Gid != 0 {
		problems = append(problems, fmt.Errorf("%s: owner %d:%d, want 0:0, whom no user of a container is", name, header.Uid, header.Gid))
	}
	switch name {
	case "argserver":
		if header.Typeflag != tar.TypeReg || header.Mode != 0o755 {
			problems = append(problems, fmt.Errorf("%s: type %c with mode %o, want a file with mode 755", name, header.Typeflag, header.Mode))
		}
		if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, raw) {
			problems = append(problems, fmt.Errorf("%s: its %d bytes are not the %d of the raw binary (%v)", name, len(got), len(raw), err))
		}
	case "healthcheck":
		if header.Typeflag != tar.TypeSymlink || header.Linkname != "argserver" {
			problems = append(problems, fmt.Errorf("%s: type %c to %q, want a symbolic link to argserver", name, header.Typeflag, header.Linkname))
		}
	}
	return errors.Join(problems...)
}
