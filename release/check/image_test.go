package check

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/internal/must"

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

// An entry is one of a layer.
type entry struct {
	header  tar.Header
	content string
}

// imageSpec is what an image for a test is made from.
type imageSpec struct {
	files  []entry
	config v1.ConfigFile
}

// goodRepository returns the folder of the repository that a good image is made from.
func goodRepository(t *testing.T) string {
	t.Helper()
	repository := t.TempDir()
	must.Write(t, filepath.Join(repository, "rootfs/etc/hello.conf"), "greeting\n")
	if err := os.Symlink("bin/hello", filepath.Join(repository, "rootfs/hello")); err != nil {
		t.Fatal(err)
	}
	return repository
}

// goodImage returns a correct image for linux/arm/v7, changed by tamper.
func goodImage(t *testing.T, raw string, tamper func(*imageSpec)) v1.Image {
	t.Helper()
	created := goodMetadata.Created
	spec := imageSpec{
		files: []entry{
			{tar.Header{Name: "bin/hello", Typeflag: tar.TypeReg, Mode: 0o755, ModTime: created, Size: int64(len(raw))}, raw},
			{tar.Header{Name: "hello", Typeflag: tar.TypeSymlink, Mode: 0o777, ModTime: created, Linkname: "bin/hello"}, ""},
			{tar.Header{Name: "etc/hello.conf", Typeflag: tar.TypeReg, Mode: 0o644, ModTime: created, Size: 9}, "greeting\n"},
			{tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: created}, ""},
			{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: created}, ""},
			{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: created}, ""},
		},
		config: v1.ConfigFile{
			OS: "linux", Architecture: "arm", Variant: "v7",
			Created: v1.Time{Time: created},
			Config:  v1.Config{User: "65532:65532", Entrypoint: []string{"/bin/hello"}, Labels: goodLabels()},
			History: []v1.History{{Created: v1.Time{Time: created}, CreatedBy: "COPY"}},
		},
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
		{"not executable", func(s *imageSpec) { s.files[0].header.Mode = 0o644 }, "bin/hello: mode -rw-r--r--, want -rwxr-xr-x"},
		{"set user id", func(s *imageSpec) { s.files[0].header.Mode = 0o4755 }, "bin/hello: mode urwxr-xr-x, want -rwxr-xr-x"},
		{"capabilities", func(s *imageSpec) {
			s.files[0].header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "all"}
		}, "bin/hello: it has the PAX records"},
		{"owner", func(s *imageSpec) { s.files[0].header.Uid = 65532 }, "bin/hello: owner 65532:0"},
		{"time", func(s *imageSpec) { s.files[0].header.ModTime = time.Unix(0, 0) }, "bin/hello: modified 1970"},
		{"no binary", func(s *imageSpec) { s.files = s.files[1:] }, "bin/hello: the image lacks it"},
		{"another entry", func(s *imageSpec) {
			s.files = append(s.files, entry{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg}, ""})
		}, "etc/passwd: it is neither the binary nor in rootfs"},
		{"the binary twice", func(s *imageSpec) { s.files = append(s.files, s.files[0]) }, "bin/hello: it is there twice"},
		{"link to elsewhere", func(s *imageSpec) { s.files[1].header.Linkname = "/bin/sh" }, `hello: it contains "/bin/sh", want "bin/hello"`},
		{"no link", func(s *imageSpec) { s.files = append(s.files[:1], s.files[2:]...) }, "hello: the image lacks it"},
		{"link in place of a file", func(s *imageSpec) {
			s.files[2] = entry{tar.Header{Name: "etc/hello.conf", Typeflag: tar.TypeSymlink, Linkname: "greeting\n"}, ""}
		}, "etc/hello.conf: type L---------, want ----------"},
		{"another content", func(s *imageSpec) { s.files[2].content = "evil one\n" }, `etc/hello.conf: it contains "evil one\n", want "greeting\n"`},
		{"another umask", func(s *imageSpec) { s.files[2].header.Mode = 0o664 }, "etc/hello.conf: mode -rw-rw-r--, want 755, or 644 for a file"},
		{"another umask for a directory", func(s *imageSpec) { s.files[4].header.Mode = 0o700 }, "etc: mode drwx------"},
		{"sticky directory", func(s *imageSpec) { s.files[3].header.Mode = 0o1755 }, "bin: mode dtrwxr-xr-x"},
		{"platform", func(s *imageSpec) { s.config.Architecture = "amd64" }, "config: platform linux/amd64/v7, want linux/arm/v7"},
		{"variant", func(s *imageSpec) { s.config.Variant = "v6" }, "config: platform linux/arm/v6, want linux/arm/v7"},
		{"created", func(s *imageSpec) { s.config.Created = v1.Time{Time: time.Unix(1, 0)} }, "config: created 1970"},
		{"history", func(s *imageSpec) { s.config.History[0].Created = v1.Time{} }, "config: history of 0001"},
		{"no user", func(s *imageSpec) { s.config.Config.User = "" }, `config: user "", want a number`},
		{"root", func(s *imageSpec) { s.config.Config.User = "0:0" }, `config: user "0:0", want a number`},
		{"user by name", func(s *imageSpec) { s.config.Config.User = "nobody" }, `config: user "nobody", want a number`},
		{"another entry point", func(s *imageSpec) { s.config.Config.Entrypoint = []string{"/bin/sh", "-c"} }, "bin/sh: the image lacks it"},
		{"no entry point", func(s *imageSpec) { s.config.Config.Entrypoint = nil }, "config: entry point [], want the path of the binary"},
		{"label", func(s *imageSpec) { s.config.Config.Labels["org.opencontainers.image.version"] = "1.2.4" },
			`config: labels: org.opencontainers.image.version is "1.2.4", want "1.2.3"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			binary, err := Image(goodImage(t, raw, c.tamper), must.Platforms(t, "linux/arm/v7")[0], goodMetadata, goodRepository(t))
			must.Fail(t, err, c.want)
			if err == nil && string(binary) != raw {
				t.Errorf("the binary is %q, want %q", binary, raw)
			}
		})
	}
}

func goodLabels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.source":   "https://github.com/OWNER/argserver",
		"org.opencontainers.image.revision": "0123456789abcdef0123456789abcdef01234567",
		"org.opencontainers.image.version":  "1.2.3",
		"org.opencontainers.image.created":  "2026-01-02T03:04:05Z",
		"org.opencontainers.image.licenses": "MIT",
	}
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
		{"annotation", nine, func(a map[string]string) { a["org.opencontainers.image.source"] = "https://github.com/" },
			`index: annotations: org.opencontainers.image.source is "https://github.com/"`},
		{"no annotation", nine, func(a map[string]string) { delete(a, "org.opencontainers.image.created") }, `org.opencontainers.image.created is ""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			index := v1.ImageIndex(empty.Index)
			for _, p := range c.platforms {
				index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: &p}})
			}
			annotations := goodLabels()
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
	index := mutate.Annotations(empty.Index, goodLabels()).(v1.ImageIndex)
	if got, err := Claim(index); err != nil || got != goodMetadata {
		t.Errorf("the index claims %v (%v), want %v", got, err, goodMetadata)
	}
	_, err := Claim(empty.Index)
	must.Fail(t, err, "annotation created")
}
