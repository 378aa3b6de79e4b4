// Package check checks binaries, images, indexes and checksums without running
// them. It also compares two releases.
package check

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"argserver/release/build"
	"argserver/release/product"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// labels are the labels of every image and the annotations of the index.
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
func labels(m build.Metadata) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       product.Name,
		"org.opencontainers.image.description": product.Description,
		"org.opencontainers.image.source":      m.Source,
		"org.opencontainers.image.revision":    m.Revision,
		"org.opencontainers.image.version":     m.Version,
		"org.opencontainers.image.licenses":    product.License,
		"org.opencontainers.image.created":     m.Created.UTC().Format(time.RFC3339),
	}
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
			problems = append(problems, fmt.Errorf("index: %s is for the platform %v, want one of linux", descriptor.Digest, p))
		case slices.ContainsFunc(platforms, p.Equals):
			problems = append(problems, fmt.Errorf("index: %s is a second image for %s", descriptor.Digest, p))
		default:
			platforms = append(platforms, *p)
		}
	}
	if platforms == nil {
		problems = append(problems, errors.New("index: it lists no image"))
	}
	if !maps.Equal(manifest.Annotations, labels(m)) {
		problems = append(problems, fmt.Errorf("index: annotations %q, want %q", manifest.Annotations, labels(m)))
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
// returns the binary in it. The image must contain the binary and the links of
// the product and nothing else, and have the product's configuration.
func Image(image v1.Image, p v1.Platform, m build.Metadata) (binary []byte, err error) {
	binary, err = checkFiles(image, m)
	if err := errors.Join(checkConfig(image, p, m), err); err != nil {
		return nil, fmt.Errorf("image for %s: %w", p, err)
	}
	return binary, nil
}

func checkConfig(image v1.Image, p v1.Platform, m build.Metadata) error {
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
	want := product.Image
	want.Labels = labels(m)
	// BuildKit sets these in every image.
	want.WorkingDir = "/"
	want.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, want.Env...)
	want.ArgsEscaped = len(want.Cmd) > 0
	got, expected := reflect.ValueOf(file.Config), reflect.ValueOf(want)
	for i := range got.NumField() {
		if g, w := got.Field(i).Interface(), expected.Field(i).Interface(); !reflect.DeepEqual(g, w) {
			problems = append(problems, fmt.Errorf("config: %s is %+v, want %+v", got.Type().Field(i).Name, g, w))
		}
	}
	return errors.Join(problems...)
}

func checkFiles(image v1.Image, m build.Metadata) (binary []byte, err error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	var problems []error
	var names []string
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			return nil, err
		}
		defer content.Close()
		archive := tar.NewReader(content)
		for {
			header, err := archive.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			header.Name = strings.TrimPrefix(header.Name, "/")
			names = append(names, header.Name)
			problems = append(problems, checkHeader(header, m))
			if header.Name == product.Name {
				if binary, err = io.ReadAll(archive); err != nil {
					return nil, err
				}
			}
		}
	}
	want := append(slices.Collect(maps.Keys(product.Links)), product.Name)
	slices.Sort(want)
	slices.Sort(names)
	if !slices.Equal(names, want) {
		problems = append(problems, fmt.Errorf("layers: they contain %q, want %q", names, want))
	}
	return binary, errors.Join(problems...)
}

// checkHeader checks an entry of a layer, but not whether it should be there.
func checkHeader(header *tar.Header, m build.Metadata) error {
	var problems []error
	name := header.Name
	if !header.ModTime.Equal(m.Created) {
		problems = append(problems, fmt.Errorf("%s: modified %v, want %v", name, header.ModTime.UTC(), m.Created))
	}
	// Extended attributes could hold capabilities.
	if len(header.PAXRecords) > 0 {
		problems = append(problems, fmt.Errorf("%s: it has the PAX records %q, want none", name, header.PAXRecords))
	}
	// No user of the container owns a file, so none can change it.
	if header.Uid != 0 || header.Gid != 0 {
		problems = append(problems, fmt.Errorf("%s: owner %d:%d, want 0:0", name, header.Uid, header.Gid))
	}
	if name == product.Name && (header.Typeflag != tar.TypeReg || header.Mode != 0o755) {
		problems = append(problems, fmt.Errorf("%s: type %c with mode %o, want a file with mode 755", name, header.Typeflag, header.Mode))
	}
	if target, ok := product.Links[name]; ok && (header.Typeflag != tar.TypeSymlink || header.Linkname != target) {
		problems = append(problems, fmt.Errorf("%s: type %c to %q, want a symbolic link to %s", name, header.Typeflag, header.Linkname, target))
	}
	return errors.Join(problems...)
}
