package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"argserver/release/check"
	"argserver/release/internal/download"
	"argserver/release/internal/must"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Each case is an image and a release that somebody published, and what a stranger
// asks for. The clone has the tags v1.2.3 and v1.3.0 for two commits, and a third
// commit without a tag.
func TestFind(t *testing.T) {
	download.Waits = nil
	clone := t.TempDir()
	commit := func(tag string) string {
		must.Run(t, clone, "git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--allow-empty", "--message=c"+tag)
		if tag != "" {
			must.Run(t, clone, "git", "-c", "user.name=A", "-c", "user.email=a@example.org", "tag", "--annotate", "--message=t", tag)
		}
		return must.Run(t, clone, "git", "rev-parse", "HEAD")
	}
	must.Run(t, clone, "git", "init", "--quiet", "--initial-branch=v1.2.4") // a branch is no tag
	first := commit("v1.2.3")
	second := commit("v1.3.0")
	third := commit("")
	t.Chdir(clone)

	honest := map[string]string{"version": "1.2.3", "source": "https://github.com/Owner/name", "revision": first}
	lie := func(key, value string) map[string]string {
		annotations := maps.Clone(honest)
		annotations[key] = value
		return annotations
	}
	public := func(content string) func(*testing.T, *standin.GitHub) {
		return func(t *testing.T, g *standin.GitHub) {
			must.Write(t, filepath.Join(g.Assets(g.AddByHand("v1.2.3", false)), check.SumsFile), content)
		}
	}
	sums := emptySum + "  name_linux_amd64\n"
	image := "HOST/owner/name"
	for _, c := range []struct {
		name        string
		annotations map[string]string
		tag         string // in the registry
		release     func(*testing.T, *standin.GitHub)
		arg, commit string
		fails, says string
	}{
		{"version", honest, "1.2.3", public(sums), "v1.2.3", "", "", ""},
		{"version without v", honest, "1.2.3", public(sums), "1.2.3", "", "", ""},
		{"exact tag", honest, "1.2.3", nil, image + ":1.2.3", "", "", ""},
		{"floating tag", honest, "latest", nil, image + ":latest", "", "", "/owner/name:latest claims to be version 1.2.3 of Owner/name\n"},
		{"digest", honest, "x", nil, image + "@DIGEST", "", "", "DIGEST claims to be version 1.2.3 of Owner/name\n"},
		{"source in another case", lie("source", "https://github.com/oWNER/Name"), "1.2.3", nil, image + ":1.2.3", "", "", ""},

		{"other version", lie("version", "1.3.0"), "1.2.3", public(sums), "v1.2.3", "", `annotation version is "1.3.0", want 1.2.3`, ""},
		{"other version and its commit", map[string]string{"version": "1.3.0", "source": honest["source"], "revision": second}, "1.2.3", public(sums),
			"v1.2.3", "", `annotation version is "1.3.0", want 1.2.3`, ""},
		{"other version under an exact tag", map[string]string{"version": "1.3.0", "source": honest["source"], "revision": second}, "1.2.3", nil,
			image + ":1.2.3", "", `annotation version is "1.3.0", want 1.2.3`, ""},
		{"version with v", lie("version", "v1.2.3"), "latest", nil, image + ":latest", "", `annotation version is "v1.2.3", want a semantic version`, ""},
		{"no version", lie("version", ""), "latest", nil, image + ":latest", "", `annotation version is "", want a semantic version`, ""},
		{"no annotations", nil, "1.2.3", public(sums), "v1.2.3", "", `annotation version is "", want 1.2.3`, ""},

		{"other owner", lie("source", "https://github.com/Other/name"), "1.2.3", public(sums), "v1.2.3", "",
			`annotation source is "https://github.com/Other/name", want https://github.com/Owner/name`, ""},
		{"other owner of an image", lie("source", "https://github.com/Other/name"), "1.2.3", nil, image + ":1.2.3", "",
			`annotation source is "https://github.com/Other/name", want https://github.com/owner/name`, ""},
		{"other owner of a digest", lie("source", "https://github.com/Other/name"), "x", nil, image + "@DIGEST", "", `annotation source is "https://github.com/Other/name"`, ""},
		{"other host", lie("source", "https://gitlab.com/Owner/name"), "1.2.3", nil, image + ":1.2.3", "", `annotation source is "https://gitlab.com/Owner/name"`, ""},
		{"host that looks alike", lie("source", "https://github.com.example.org/Owner/name"), "1.2.3", nil, image + ":1.2.3", "", "annotation source is", ""},
		{"more path", lie("source", "https://github.com/Owner/name/../../Other/name"), "1.2.3", nil, image + ":1.2.3", "", "annotation source is", ""},
		{"no source", lie("source", ""), "1.2.3", nil, image + ":1.2.3", "", `annotation source is ""`, ""},

		// The image was built before the tag moved, or the tag was moved after a pull.
		{"other commit", lie("revision", second), "1.2.3", public(sums), "v1.2.3", "", `annotation revision is "` + second + `", want ` + first + ", the commit of the tag v1.2.3", ""},
		{"other commit of a digest", lie("revision", third), "x", nil, image + "@DIGEST", "", `annotation revision is "` + third + `", want ` + first, ""},
		{"tag instead of a commit", lie("revision", "v1.2.3"), "1.2.3", nil, image + ":1.2.3", "", `annotation revision is "v1.2.3"`, ""},
		{"short commit", lie("revision", first[:12]), "1.2.3", nil, image + ":1.2.3", "", "annotation revision is", ""},
		{"no revision", lie("revision", ""), "1.2.3", nil, image + ":1.2.3", "", `annotation revision is ""`, ""},
		{"option as a revision", lie("revision", "--all"), "1.2.3", nil, image + ":1.2.3", "", `annotation revision is "--all"`, ""},

		{"tag is not in the clone", map[string]string{"version": "1.2.4", "source": honest["source"], "revision": third}, "1.2.4", nil, image + ":1.2.4", "",
			`this clone has no tag v1.2.4: try git fetch --tags, or name the commit that you trust, which the image says is "` + third + `"`, ""},
		{"commit by hand", map[string]string{"version": "1.2.4", "source": honest["source"], "revision": third}, "1.2.4", nil, image + ":1.2.4", third[:12], "", ""},
		{"other commit by hand", map[string]string{"version": "1.2.4", "source": honest["source"], "revision": third}, "1.2.4", nil, image + ":1.2.4", first,
			`annotation revision is "` + third + `", want ` + first + ", the commit that you named", ""},
		{"unknown commit by hand", honest, "1.2.3", nil, image + ":1.2.3", strings.Repeat("0", 40), `this clone has no commit "000`, ""},
		{"option by hand", honest, "1.2.3", nil, image + ":1.2.3", "--all", `this clone has no commit "--all"`, ""},

		{"draft", honest, "1.2.3", func(t *testing.T, g *standin.GitHub) {
			must.Write(t, filepath.Join(g.Assets(g.AddByHand("v1.2.3", true)), check.SumsFile), sums)
		}, "v1.2.3", "", "checksums.txt: 404 Not Found: Owner/name has no public release of the tag v1.2.3, or the release lacks checksums.txt", ""},
		{"no release", honest, "1.2.3", func(*testing.T, *standin.GitHub) {}, "v1.2.3", "", "has no public release of the tag v1.2.3", ""},
		{"release of another tag", honest, "1.2.3", func(t *testing.T, g *standin.GitHub) { g.AddByHand("v1.3.0", false) }, "v1.2.3", "", "has no public release of the tag v1.2.3", ""},
		{"no sums", honest, "1.2.3", func(t *testing.T, g *standin.GitHub) { g.AddByHand("v1.2.3", false) }, "v1.2.3", "", "or the release lacks checksums.txt", ""},
		{"empty sums", honest, "1.2.3", public(""), "v1.2.3", "", "checksums.txt: it lists no file", ""},
		{"sums with a path", honest, "1.2.3", public(emptySum + "  ../name_linux_amd64\n"), "v1.2.3", "", "want a SHA-256, two spaces and the name", ""},
		{"no image", honest, "1.2.4", public(sums), "v1.2.3", "", "MANIFEST_UNKNOWN", ""},
		{"name of an image", honest, "1.2.3", nil, "Owner/name:x:y", "", "could not parse reference", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			gitHub := standin.StartGitHub("Owner/name", t.TempDir())
			defer gitHub.Close()
			if c.release != nil {
				c.release(t, gitHub)
			}
			host := must.MemoryRegistry(t)
			t.Setenv("GITHUB_SERVER_URL", gitHub.URL)
			t.Setenv("GITHUB_REPOSITORY", "Owner/name")
			t.Setenv("REGISTRY", host)
			index, err := random.Index(10, 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			annotations := make(map[string]string)
			for key, value := range c.annotations {
				annotations["org.opencontainers.image."+key] = value
			}
			index = mutate.Annotations(index, annotations).(v1.ImageIndex)
			digest, err := index.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.WriteIndex(must.Reference(t, host+"/owner/name:"+c.tag), index); err != nil {
				t.Fatal(err)
			}
			replace := strings.NewReplacer("HOST", host, "DIGEST", digest.String())
			var s *subject
			said := captureStdout(t, func() { s, err = find(t.Context(), replace.Replace(c.arg), c.commit) })
			must.Fail(t, err, c.fails)
			if want := replace.Replace(c.says); !strings.HasSuffix(said, want) || want == "" && said != "" {
				t.Errorf("it prints %q, want %q", said, want)
			}
			if err != nil {
				return
			}
			if s.tag != "v"+c.annotations["version"] || s.commit != c.annotations["revision"] ||
				s.repository != strings.TrimPrefix(c.annotations["source"], "https://github.com/") || (s.sums != nil) != (c.release != nil) {
				t.Errorf("it finds %+v, want %v", s, c.annotations)
			}
		})
	}

	t.Run("one image instead of an index", func(t *testing.T) {
		ref := must.Reference(t, must.MemoryRegistry(t)+"/owner/name:1.2.3")
		image, err := random.Image(10, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image); err != nil {
			t.Fatal(err)
		}
		_, err = find(t.Context(), ref.String(), "")
		must.Fail(t, err, "unexpected media type for ImageIndex()")
	})
}

// A rebuilt release, and what else may have been published in its place.
func TestCompare(t *testing.T) {
	download.Waits = nil
	platforms := must.Platforms(t, "linux/amd64", "linux/arm/v7")
	rebuilt := v1.ImageIndex(empty.Index)
	add := func(index v1.ImageIndex, image v1.Image, p *v1.Platform) v1.ImageIndex {
		return mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p}})
	}
	image, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		rebuilt = add(rebuilt, image, &p)
	}
	rebuilt = mutate.Annotations(rebuilt, map[string]string{"a": "1"}).(v1.ImageIndex)
	line := func(name, content string) string {
		return fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), name)
	}
	files := map[string]string{"a": "content of a", "b": "content of b"}
	files[check.SumsFile] = line("a", files["a"]) + line("b", files["b"])
	folder := t.TempDir()
	for name, content := range files {
		must.Write(t, filepath.Join(folder, name), content)
	}
	with := func(name, content string) map[string]string {
		changed := maps.Clone(files)
		changed[name] = content
		return changed
	}
	without := func(name string) map[string]string {
		changed := maps.Clone(files)
		delete(changed, name)
		return changed
	}
	arm := match.Platforms(platforms[1])
	other, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		index v1.ImageIndex
		files map[string]string // nil for an image alone
		want  []string          // how each line on a difference begins
	}{
		{"same", rebuilt, files, nil},
		{"same image", rebuilt, nil, nil},
		{"other image", add(mutate.RemoveManifests(rebuilt, arm), other, &platforms[1]), nil, []string{"IMAGE: linux/arm/v7: layer 0: published sha256:"}},
		{"missing platform", mutate.RemoveManifests(rebuilt, arm), files, []string{"IMAGE: linux/arm/v7: rebuilt, not published"}},
		{"one platform more", add(rebuilt, image, &v1.Platform{OS: "linux", Architecture: "s390x"}), files, []string{"IMAGE: linux/s390x: published, not rebuilt"}},
		{"one platform twice", add(rebuilt, other, &platforms[1]), files, []string{"IMAGE: linux/arm/v7: published, not rebuilt"}},
		{"attestation", add(rebuilt, other, &v1.Platform{OS: "unknown", Architecture: "unknown"}), files, []string{"IMAGE: unknown/unknown: published, not rebuilt"}},
		{"without platform", add(rebuilt, other, nil), files, []string{"IMAGE: image sha256:"}},
		{"empty", mutate.Annotations(empty.Index, map[string]string{"a": "1"}).(v1.ImageIndex), files,
			[]string{"IMAGE: linux/amd64: rebuilt, not published", "IMAGE: linux/arm/v7: rebuilt, not published"}},
		{"media type", mutate.IndexMediaType(rebuilt, types.DockerManifestList), files, []string{"IMAGE: media type: published application/vnd.docker"}},
		{"media type of an image", add(mutate.RemoveManifests(rebuilt, arm), mutate.MediaType(image, types.OCIManifestSchema1), &platforms[1]), files,
			[]string{"IMAGE: linux/arm/v7: manifest: published sha256:"}},
		{"no annotations", mutate.Annotations(rebuilt, map[string]string{"a": ""}).(v1.ImageIndex), files, []string{`IMAGE: annotation a: published "", rebuilt "1"`}},

		{"other file", rebuilt, with("b", "virus"), []string{"b: published 5 bytes with SHA-256 "}},
		{"file missing on GitHub", rebuilt, without("b"), []string{"b: rebuilt, not published: GET "}},
		{"sums list one more", rebuilt, with(check.SumsFile, files[check.SumsFile]+line("c", "virus")),
			[]string{"checksums.txt: published ", "c: published, as checksums.txt says, not rebuilt"}},
		{"sums list one less", rebuilt, with(check.SumsFile, line("a", files["a"])), []string{"checksums.txt: published "}},
		{"other sum", rebuilt, with(check.SumsFile, line("a", files["a"])+line("b", "virus")), []string{"checksums.txt: published "}},
		{"everything", mutate.RemoveManifests(rebuilt, arm), map[string]string{check.SumsFile: line("c", "")},
			[]string{"IMAGE: linux/arm/v7: rebuilt, not published", "a: rebuilt, not published: ", "b: rebuilt, not published: ", "checksums.txt: published ", "c: published, as"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			gitHub := standin.StartGitHub("Owner/name", t.TempDir())
			defer gitHub.Close()
			t.Setenv("GITHUB_SERVER_URL", gitHub.URL)
			published := gitHub.Assets(gitHub.AddByHand("v1.2.3", false))
			for name, content := range c.files {
				must.Write(t, filepath.Join(published, name), content)
			}
			ref := must.Reference(t, must.MemoryRegistry(t)+"/owner/name:1.2.3")
			if err := remote.WriteIndex(ref, c.index); err != nil {
				t.Fatal(err)
			}
			s := &subject{tag: "v1.2.3", repository: "Owner/name", image: ref}
			var err error
			if s.index, err = readIndex(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
			if c.files != nil {
				if s.sums, err = s.readSums(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			err = s.compare(t.Context(), &out, rebuilt, folder)
			if c.want == nil {
				must.Fail(t, err, "")
			} else {
				must.Fail(t, err, "the published release is not what the source builds")
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				if difference, ok := strings.CutPrefix(line, "DIFFERS  "); ok {
					got = append(got, strings.Replace(difference, ref.String(), "IMAGE", 1))
				} else if !strings.HasPrefix(line, "same     ") {
					t.Errorf("it prints %q, want same or DIFFERS", line)
				}
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("it finds %q, want %q", got, c.want)
			}
		})
	}

	t.Run("GitHub does not answer", func(t *testing.T) {
		t.Setenv("GITHUB_SERVER_URL", "http://127.0.0.1:1")
		s := &subject{tag: "v1.2.3", repository: "Owner/name", image: must.Reference(t, "host/owner/name"), index: rebuilt, sums: map[string]string{"a": ""}}
		must.Fail(t, s.compare(t.Context(), io.Discard, rebuilt, folder), "connection refused")
	})
}

// What is not public gets advice, and only that.
func TestReadIndex(t *testing.T) {
	t.Setenv("GITHUB_SERVER_URL", "")
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
		advice bool
	}{
		{"private", 401, `{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}`, "UNAUTHORIZED: authentication required", true},
		{"denied", 403, `{"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}`, "DENIED: requested access", true},
		{"unknown", 404, `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`, "MANIFEST_UNKNOWN", false},
		{"gone", 410, "", "410 Gone", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := answer(t, c.status, c.body)
			ref, err := name.ParseReference(server + "/owner/name:1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			_, err = readIndex(t.Context(), ref)
			must.Fail(t, err, c.want)
			advice := "Make it public at https://github.com/owner/name/pkgs/container/name, under Package settings"
			if got := err != nil && strings.Contains(err.Error(), advice); got != c.advice {
				t.Errorf("the error %v gives advice: %v, want %v", err, got, c.advice)
			}
		})
	}
}
