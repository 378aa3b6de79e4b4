// The tests of this package are argserver's own: it fits its budget, its
// documents tell the truth, and no proxy loses a request. They release the images
// of the commit that is checked out.
package product_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/machine"
	"argserver/release/smoke"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// own is the platform of this machine's binaries and images.
var own = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}

func TestProduct(t *testing.T) {
	if err := machine.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r, err := build.Make(t.Context(), build.Options{
		Clone:      "../..",
		Commit:     "HEAD",
		Tag:        "v1.2.3", // the version in the documents
		Repository: "OWNER/argserver",
		Registry:   must.Registry(t),
		Folder:     t.TempDir(),
		ImageOnly:  true,
		Log:        t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("budget", func(t *testing.T) { testBudget(t, r) })
	t.Run("documents", func(t *testing.T) { testDocuments(t, r) })
	t.Run("image from a clone", func(t *testing.T) { testImageFromClone(t, r) })
	t.Run("grpc", func(t *testing.T) { testGRPC(t, binary(t, r, own)) })
	t.Run("instead of", func(t *testing.T) { testInsteadOf(t, binary(t, r, own)) })
	t.Run("proxy", func(t *testing.T) { testProxy(t, binary(t, r, own)) })
}

// binary returns the path of the binary for a platform.
func binary(t *testing.T, r *build.Release, p v1.Platform) string {
	t.Helper()
	b, err := r.Binary(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(b.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	return b.Path
}

// smallestPeer is the least that a pull of the smallest image of its kind can
// transfer: jmalloc/echo-server for linux/amd64, the binary alone, after gzip -9.
const smallestPeer = 3_427_605

// testBudget compares the size with that of the original 15 lines, built by their
// own recipe with the same Go. For all that it adds, argserver must be smaller by
// 2 %.
func testBudget(t *testing.T, r *build.Release) {
	original := filepath.Join(t.TempDir(), "original")
	cmd := exec.Command("go", "build", "-tags=netgo", "-ldflags=-w", "-o="+original, "../measure/testdata/original")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOTOOLCHAIN="+r.Metadata.GoVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	amd64 := v1.Platform{OS: "linux", Architecture: "amd64"}
	sizes := func(path string) (s [2]int64) {
		if _, err := fmt.Sscan(must.Run(t, ".", "sh", "-c", `wc -c <"$0"; gzip -9 <"$0" | wc -c`, path), &s[0], &s[1]); err != nil {
			t.Fatal(err)
		}
		return s
	}
	image, err := check.PlatformImage(r.Index, amd64)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := check.PulledBytes(image)
	if err != nil {
		t.Fatal(err)
	}
	got, budget := sizes(binary(t, r, amd64)), sizes(original)
	t.Logf("linux/amd64: %d bytes, %d after gzip -9, %d pulled; the original: %d and %d", got[0], got[1], pulled, budget[0], budget[1])
	for _, problem := range overBudget(got, [2]int64{budget[0] * 98 / 100, budget[1] * 98 / 100}, pulled) {
		t.Error(problem)
	}
}

// overBudget lists what exceeds the budget: the bytes of a binary, the same after
// gzip -9, and the bytes of a pull.
func overBudget(got, budget [2]int64, pulled int64) (problems []string) {
	for _, part := range []struct {
		name        string
		got, budget int64
	}{
		{"the binary", got[0], budget[0]},
		{"the binary after gzip -9", got[1], budget[1]},
		{"a pull", pulled, smallestPeer * 3 / 4},
	} {
		if part.got > part.budget {
			problems = append(problems, fmt.Sprintf("%s has %d bytes, %d more than the budget of %d", part.name, part.got, part.got-part.budget, part.budget))
		}
	}
	return problems
}

func TestOverBudget(t *testing.T) {
	for _, c := range []struct {
		got    [2]int64
		pulled int64
		want   int
	}{
		{[2]int64{20, 10}, smallestPeer * 3 / 4, 0},
		{[2]int64{21, 10}, 0, 1},
		{[2]int64{20, 11}, 0, 1},
		{[2]int64{20, 10}, smallestPeer*3/4 + 1, 1},
	} {
		if problems := overBudget(c.got, [2]int64{20, 10}, c.pulled); len(problems) != c.want {
			t.Errorf("%v and a pull of %d: got %q, want %d problems", c.got, c.pulled, problems, c.want)
		}
	}
}

// testImageFromClone builds the image with the commands of README, with the
// builder that Docker has without any set-up.
func testImageFromClone(t *testing.T, r *build.Release) {
	t.Setenv("BUILDX_BUILDER", "default")
	t.Setenv("DOCKER_BUILDKIT", "1") // the default since Docker 23
	// The name must not be that of an image which a developer built.
	const image = "argserver:product-test"
	commands := block(t, must.Read(t, r.Clone, "README.md"), "docker build -t argserver .")
	must.Run(t, r.Clone, "sh", "-euc", strings.Replace(commands, "-t argserver .", "-t "+image+" .", 1))
	t.Cleanup(func() { must.Run(t, ".", "docker", "rmi", image) })
	folder := t.TempDir()
	must.Write(t, filepath.Join(folder, "smoke.yaml"), `server:
  arguments: [g, h, i, j]
  listening: " listening on "
  requests: [{path: /args, body: "[/argserver g h i j]\n"}]
`)
	test, err := smoke.Load(folder)
	if err == nil {
		err = test.Containers(t.Context(), t.Output(), image, own, build.Metadata{})
	}
	if err != nil {
		t.Error(err)
	}
}

// start runs the binary and waits until it listens.
func start(t *testing.T, binary string, arguments []string, environ ...string) *smoke.Process {
	t.Helper()
	server, err := smoke.Start(t.Context(), binary, " listening on ", arguments, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return server
}
