package check

import (
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestCompareFile(t *testing.T) {
	if got := CompareFile([]byte("a"), []byte("a")); got != "" {
		t.Errorf("the same differs: %s", got)
	}
	if got := CompareFile([]byte("ab"), []byte("a")); !strings.Contains(got, "published 2 bytes with SHA-256 fb8e20fc") {
		t.Errorf("another file: %q", got)
	}
}

func TestCompareIndex(t *testing.T) {
	// indexOf makes an index of images for platforms, in turn.
	indexOf := func(annotations map[string]string, images map[string]v1.Image) v1.ImageIndex {
		index := v1.ImageIndex(empty.Index)
		for _, p := range must.Platforms(t, "linux/amd64", "linux/arm/v7", "linux/s390x") {
			if image, ok := images[p.String()]; ok {
				index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &p}})
			}
		}
		return mutate.Annotations(index, annotations).(v1.ImageIndex)
	}
	asIs := func(*imageSpec) {}
	good := goodImage(t, "the binary", asIs)
	rebuilt := indexOf(map[string]string{"a": "1"}, map[string]v1.Image{"linux/amd64": good, "linux/arm/v7": good})
	with := func(image v1.Image) map[string]v1.Image {
		return map[string]v1.Image{"linux/amd64": good, "linux/arm/v7": image}
	}
	for _, c := range []struct {
		name      string
		published v1.ImageIndex
		want      []string // how each difference begins
	}{
		{"same", rebuilt, nil},
		{"another binary", indexOf(map[string]string{"a": "1"}, with(goodImage(t, "the virus!", asIs))), []string{"linux/arm/v7: layer 0: published sha256:"}},
		{"another user", indexOf(map[string]string{"a": "1"}, with(goodImage(t, "the binary", func(s *imageSpec) { s.config.Config.User = "0" }))),
			[]string{`linux/arm/v7: config field .config.User: published "0", rebuilt `}},
		{"a label more", indexOf(map[string]string{"a": "1"}, with(goodImage(t, "the binary", func(s *imageSpec) { s.config.Config.Labels["x"] = "y" }))),
			[]string{`linux/arm/v7: config field .config.Labels.x: published "y", rebuilt `}},
		{"manifest alone", indexOf(map[string]string{"a": "1"}, with(mutate.Annotations(good, map[string]string{"x": "y"}).(v1.Image))),
			[]string{"linux/arm/v7: manifest: published sha256:"}},
		{"one missing", indexOf(map[string]string{"a": "1"}, map[string]v1.Image{"linux/amd64": good}), []string{"linux/arm/v7: rebuilt, not published"}},
		{"one more", indexOf(map[string]string{"a": "1"}, map[string]v1.Image{"linux/amd64": good, "linux/arm/v7": good, "linux/s390x": good}),
			[]string{"linux/s390x: published, not rebuilt"}},
		{"annotation", indexOf(map[string]string{"a": "2"}, with(good)), []string{`annotation a: published "2", rebuilt "1"`}},
		{"an annotation more", indexOf(map[string]string{"a": "1", "b": "2"}, with(good)), []string{`annotation b: published "2", rebuilt ""`}},
		{"no annotation", indexOf(nil, with(good)), []string{`annotation a: published "", rebuilt "1"`}},
		{"media type", mutate.IndexMediaType(rebuilt, types.DockerManifestList), []string{"media type: published application/vnd.docker.distribution.manifest.list"}},
		{"one twice", mutate.AppendManifests(rebuilt, mutate.IndexAddendum{Add: good, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}),
			[]string{"linux/amd64: published, not rebuilt"}},
		{"another order", mutate.AppendManifests(mutate.RemoveManifests(rebuilt, match.Platforms(v1.Platform{OS: "linux", Architecture: "amd64"})),
			mutate.IndexAddendum{Add: good, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}), []string{"published sha256:"}},
		{"attestation", mutate.AppendManifests(rebuilt, mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
		}}), []string{"unknown/unknown: published, not rebuilt"}},
		{"without platform", mutate.AppendManifests(rebuilt, mutate.IndexAddendum{Add: empty.Image}), []string{"image sha256:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := CompareIndex(c.published, rebuilt)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
