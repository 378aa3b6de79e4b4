package check

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/internal/must"
	"argserver/release/product"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var goodMetadata = build.Metadata{
	Source:   "https://github.com/OWNER/argserver",
	Revision: "0123456789abcdef0123456789abcdef01234567",
	Version:  "1.2.3",
	Created:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

// A file is an entry of a layer.
type file struct {
	header  tar.Header
	content string
}

// imageSpec is what an image for a test is made from.
type imageSpec struct {
	files  []file
	config v1.ConfigFile
}

// goodImage returns a correct image for linux/arm/v7, changed by tamper.
func goodImage(t *testing.T, raw string, tamper func(*imageSpec)) v1.Image {
	t.Helper()
	created := goodMetadata.Created
	config := product.Image
	config.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, config.Env...)
	config.WorkingDir, config.ArgsEscaped, config.Labels = "/", true, labels(goodMetadata)
	spec := imageSpec{
		files: []file{{tar.Header{Name: product.Name, Typeflag: tar.TypeReg, Mode: 0o755, ModTime: created, Size: int64(len(raw))}, raw}},
		config: v1.ConfigFile{
			OS: "linux", Architecture: "arm", Variant: "v7",
			Created: v1.Time{Time: created},
			Config:  config,
			History: []v1.History{{Created: v1.Time{Time: created}, CreatedBy: "COPY"}},
		},
	}
	for name, target := range product.Links {
		spec.files = append(spec.files, file{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Mode: 0o777, ModTime: created, Linkname: target}, ""})
	}
	tamper(&spec)

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range spec.files {
		if err := w.WriteHeader(&f.header); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, f.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The configuration first, so that the layer is added to it.
	image, err := mutate.ConfigFile(empty.Image, &spec.config)
	if err != nil {
		t.Fatal(err)
	}
	history := v1.History{Created: spec.config.Created, CreatedBy: "COPY"}
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: history})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestImage(t *testing.T) {
	const raw = "the binary"
	for _, c := range []struct {
		name   string
		tamper func(*imageSpec)
		want   string
	}{
		{"good", func(s *imageSpec) {}, ""},
		{"not executable", func(s *imageSpec) { s.files[0].header.Mode = 0o644 }, product.Name + ": type 0 with mode 644"},
		{"set user id", func(s *imageSpec) { s.files[0].header.Mode = 0o4755 }, product.Name + ": type 0 with mode 4755"},
		{"capabilities", func(s *imageSpec) {
			s.files[0].header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "all"}
		}, product.Name + ": it has the PAX records"},
		{"owner", func(s *imageSpec) { s.files[0].header.Uid = 65532 }, product.Name + ": owner 65532:0"},
		{"time", func(s *imageSpec) { s.files[0].header.ModTime = time.Unix(0, 0) }, product.Name + ": modified 1970"},
		{"no binary", func(s *imageSpec) { s.files = s.files[1:] }, "layers: they contain ["},
		{"another entry", func(s *imageSpec) {
			s.files = append(s.files, file{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg}, ""})
		}, `"etc/passwd"`},
		{"the binary twice", func(s *imageSpec) { s.files = append(s.files, s.files[0]) }, fmt.Sprintf("%q %[1]q", product.Name)},
		{"platform", func(s *imageSpec) { s.config.Architecture = "amd64" }, "config: platform linux/amd64/v7, want linux/arm/v7"},
		{"variant", func(s *imageSpec) { s.config.Variant = "v6" }, "config: platform linux/arm/v6, want linux/arm/v7"},
		{"created", func(s *imageSpec) { s.config.Created = v1.Time{Time: time.Unix(1, 0)} }, "config: created 1970"},
		{"history", func(s *imageSpec) { s.config.History[0].Created = v1.Time{} }, "config: history of 0001"},
		{"root", func(s *imageSpec) { s.config.Config.User = "" }, "config: User is , want "},
		{"entry point", func(s *imageSpec) { s.config.Config.Entrypoint = []string{"/bin/sh", "-c"} }, "config: Entrypoint is [/bin/sh -c]"},
		{"default arguments", func(s *imageSpec) { s.config.Config.Cmd = []string{"a b c d"} }, "config: Cmd is [a b c d]"},
		{"port", func(s *imageSpec) { s.config.Config.ExposedPorts = nil }, "config: ExposedPorts is map[]"},
		{"health check", func(s *imageSpec) {
			s.config.Config.Healthcheck = &v1.HealthConfig{Test: []string{"CMD", "/evil"}}
		}, "config: Healthcheck is"},
		{"environment", func(s *imageSpec) { s.config.Config.Env = append(s.config.Config.Env, "PORT=1") }, "config: Env is"},
		{"label", func(s *imageSpec) { s.config.Config.Labels["org.opencontainers.image.version"] = "1.2.4" }, "config: Labels is"},
		{"a label more", func(s *imageSpec) { s.config.Config.Labels["maintainer"] = "me" }, "config: Labels is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := goodImage(t, raw, c.tamper)
			binary, err := Image(image, must.Platforms(t, "linux/arm/v7")[0], goodMetadata)
			must.Fail(t, err, c.want)
			if err == nil && string(binary) != raw {
				t.Errorf("the binary is %q, want %q", binary, raw)
			}
		})
	}
}

func TestImageLinks(t *testing.T) {
	if len(product.Links) == 0 {
		t.Skip("the image has no links")
	}
	arm := must.Platforms(t, "linux/arm/v7")[0]
	_, err := Image(goodImage(t, "raw", func(s *imageSpec) { s.files[1].header.Linkname = "/bin/sh" }), arm, goodMetadata)
	must.Fail(t, err, `type 2 to "/bin/sh"`)
	_, err = Image(goodImage(t, "raw", func(s *imageSpec) { s.files = s.files[:1] }), arm, goodMetadata)
	must.Fail(t, err, "layers: they contain")
}

func TestIndex(t *testing.T) {
	nine := must.Platforms(t, "linux/386", "linux/amd64", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64",
		"linux/ppc64le", "linux/riscv64", "linux/s390x")
	for _, c := range []struct {
		name      string
		platforms []v1.Platform
		tamper    func(annotations map[string]string)
		want      string
	}{
		{"good", nine, func(map[string]string) {}, ""},
		{"one twice", append(nine[:1:1], nine...), func(map[string]string) {}, "a second image for linux/386"},
		{"an attestation", append(must.Platforms(t, "unknown/unknown"), nine...), func(map[string]string) {}, "is for the platform unknown/unknown"},
		{"empty", nil, func(map[string]string) {}, "it lists no image"},
		{"annotation", nine, func(a map[string]string) { a["org.opencontainers.image.source"] = "https://github.com/" }, "index: annotations"},
		{"no annotation", nine, func(a map[string]string) { delete(a, "org.opencontainers.image.description") }, "index: annotations"},
		{"an annotation more", nine, func(a map[string]string) { a["x"] = "y" }, "index: annotations"},
	} {
		t.Run(c.name, func(t *testing.T) {
			index := v1.ImageIndex(empty.Index)
			for _, p := range c.platforms {
				index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: &p}})
			}
			annotations := labels(goodMetadata)
			c.tamper(annotations)
			index = mutate.Annotations(index, annotations).(v1.ImageIndex)
			got, err := Index(index, goodMetadata)
			must.Fail(t, err, c.want)
			if err == nil && !slices.EqualFunc(got, c.platforms, func(a, b v1.Platform) bool { return a.Equals(b) }) {
				t.Errorf("the platforms are %v, want %v", got, c.platforms)
			}
		})
	}
	t.Run("an index inside", func(t *testing.T) {
		_, err := Index(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: empty.Index}), goodMetadata)
		must.Fail(t, err, "want an image")
	})
	t.Run("no platform", func(t *testing.T) {
		_, err := Index(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: empty.Image}), goodMetadata)
		must.Fail(t, err, "is for the platform <nil>")
	})
}

func TestClaim(t *testing.T) {
	index := mutate.Annotations(empty.Index, labels(goodMetadata)).(v1.ImageIndex)
	if got, err := Claim(index); err != nil || got != goodMetadata {
		t.Errorf("the index claims %v (%v), want %v", got, err, goodMetadata)
	}
	_, err := Claim(empty.Index)
	must.Fail(t, err, "annotation created")
}
