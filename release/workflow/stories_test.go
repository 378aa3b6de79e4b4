// Package workflow runs the workflow of a release, all of it and as it is, on
// this machine. It holds no program, but a test for each story of a release.
package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"argserver/rehearsal"
	"argserver/rehearsal/standin"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// repository has a capital letter, which an image must not have.
const repository = "Owner/argserver"

// A story is a release and how it ends. Each begins where the one before it
// ended.
type story struct {
	name    string
	tag     string
	source  string // of a Go file that the tagged commit adds to the program
	run     string // which tests of the rehearsal there is time for
	arrange func(*world)
	// onUpload is shell code that spoils an artifact, $NAME, that one job hands
	// to another.
	onUpload string

	fails    string   // the job that stops the release
	says     string   // what its log has to say
	moved    []string // tags that people use and that are this version from now on
	draft    bool     // whether there is a draft from now on
	public   bool     // whether the release is public from now on
	latest   bool     // whether it is the one at releases/latest
	unpushed bool     // whether the registry has nothing of it, under any name
}

// The stable version is rehearsed as far as time allows; the rebuild, above all,
// is left to TestRehearsal. The others are not about what is rehearsed.
const (
	runMost  = "TestRehearsal/^(binaries|checksums|notes|index|run|image)$"
	runLeast = "TestRehearsal/^(checksums|index)$"
)

var stories = []story{
	{name: "stable", tag: "v1.3.0", run: runMost,
		moved: []string{"1.3.0", "1.3", "1", "latest"}, public: true, latest: true},
	{name: "prerelease", tag: "v1.4.0-rc.1", run: runLeast,
		moved: []string{"1.4.0-rc.1"}, public: true},
	{name: "backport", tag: "v1.2.9", run: runLeast,
		moved: []string{"1.2.9", "1.2"}, public: true},
	{name: "runners disagree", tag: "v1.3.1", run: runLeast,
		onUpload: `if [ "$NAME" = rehearsed-ubuntu-24.04-arm ]; then sed -i '1s/^./x/' checksums.txt; fi`,
		fails:    "agree", says: "  argserver_darwin_amd64", unpushed: true},
	{name: "platform does not start", tag: "v1.3.2", run: "TestRehearsal/^image$/^linux$/^s390x$",
		source: "package main\n\nimport (\"os\"; \"runtime\")\n\nfunc init() {\n\tif runtime.GOARCH == \"s390x\" {\n\t\tos.Exit(3)\n\t}\n}\n",
		fails:  "rehearse", says: "FAIL: TestRehearsal/image/linux/s390x", unpushed: true},
	{name: "pushed digest differs", tag: "v1.3.3", run: runLeast,
		onUpload: `if [ -e index-digest ]; then sed -i 's/sha256:./sha256:x/' index-digest; fi`,
		fails:    "publish", says: "< sha256:x", draft: true},
	{name: "registry fails halfway", tag: "v1.3.4", run: runLeast,
		arrange: func(w *world) { w.registry.failAfter.Store(4) },
		fails:   "publish", says: "500 Internal Server Error", unpushed: true},
	{name: "package is private", tag: "v1.3.5", run: runLeast,
		arrange: func(w *world) { w.registry.failAfter.Store(-1); w.registry.private.Store(true) },
		fails:   "verify-image", says: "/Owner/argserver/pkgs/container/argserver, under Package settings", draft: true},
	// The same tag once more, when there is a draft and an image of it.
	{name: "package is made public", tag: "v1.3.5", run: runLeast,
		arrange: func(w *world) { w.registry.private.Store(false) },
		moved:   []string{"1.3.5", "1.3", "1", "latest"}, public: true, latest: true},
}

func TestStories(t *testing.T) {
	w := newWorld(t)
	tags := make(map[string]string)
	for _, s := range stories {
		if !t.Run(s.name, func(t *testing.T) { w.tell(t, s, tags) }) {
			break // the others begin where this one should have ended
		}
	}
}

// A world is what the stories happen in.
type world struct {
	folder   string // that the stand-ins keep their things in
	tools    string // folder of the tools that are installed for the stories
	workflow string // path
	registry *registry
	gitHub   *standin.GitHub
	uses     []string // of act, what stands in for each action
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{folder: t.TempDir(), tools: t.TempDir()}
	w.registry = startRegistry(t)
	w.gitHub = standin.StartGitHub(repository, t.TempDir())
	t.Cleanup(w.gitHub.Close)

	// What the tests are run from is what is released.
	clone := filepath.Join(w.folder, "repository")
	run(t, "git", "clone", "--quiet", "--no-tags", "../..", clone)
	run(t, "git", "-C", clone, "remote", "set-url", "origin", "https://github.com/"+repository)

	// The registry is the only thing in the workflow that is changed.
	content := string(read(t, filepath.Join(clone, ".github/workflows/release.yml")))
	const registryLine = "  REGISTRY: ghcr.io\n"
	if strings.Count(content, registryLine) != 1 {
		t.Fatalf("release.yml lacks the line %q", registryLine)
	}
	w.workflow = filepath.Join(w.folder, "release.yml")
	write(t, w.workflow, strings.Replace(content, registryLine, "  REGISTRY: "+w.registry.host+"\n", 1))

	w.install(t, "github.com/nektos/act", "v0.2.89")
	w.install(t, "github.com/sigstore/cosign/v3/cmd/cosign", setting(t, content, "cosign-release"))
	w.install(t, "github.com/anchore/syft/cmd/syft", setting(t, content, "syft-version"))
	t.Setenv("COSIGN_PASSWORD", "")
	run(t, filepath.Join(w.tools, "cosign"), "generate-key-pair", "--output-key-prefix", filepath.Join(w.folder, "cosign"))

	standins, err := filepath.Abs("standins")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{".github/workflows/release.yml", ".github/actions/release-tools/action.yml"} {
		for _, use := range regexp.MustCompile(`uses: ([\w-]+/[\w-]+)(?:/[\w-]+)?(@\w+)`).FindAllStringSubmatch(string(read(t, filepath.Join(clone, file))), -1) {
			w.uses = append(w.uses, "--local-repository="+use[1]+use[2]+"="+filepath.Join(standins, use[1]))
		}
	}
	return w
}

// setting is the one value that a workflow has for a name.
func setting(t *testing.T, workflow, name string) string {
	t.Helper()
	values := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^ +`+name+`: (\S+)$`).FindAllStringSubmatch(workflow, -1) {
		values[match[1]] = true
	}
	if len(values) != 1 {
		t.Fatalf("release.yml has the values %v for %s, want one", values, name)
	}
	return slices.Collect(maps.Keys(values))[0]
}

func (w *world) install(t *testing.T, pkg, version string) {
	t.Helper()
	cmd := exec.Command("go", "install", pkg+"@"+version)
	cmd.Env = append(os.Environ(), "GOBIN="+w.tools, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// tell has the workflow run for a tag and compares how things are after it.
func (w *world) tell(t *testing.T, s story, tags map[string]string) {
	clone := filepath.Join(w.folder, "repository")
	if strings.TrimSpace(run(t, "git", "-C", clone, "tag", "--list", s.tag)) == "" {
		if s.source != "" {
			write(t, filepath.Join(clone, "story.go"), s.source)
		}
		run(t, "git", "-C", clone, "add", "--all")
		run(t, "git", "-C", clone, "-c", "user.name=Story", "-c", "user.email=story@example.org",
			"commit", "--quiet", "--allow-empty", "--message="+s.name)
		run(t, "git", "-C", clone, "tag", s.tag)
		if s.source != "" {
			// The next story does without it.
			t.Cleanup(func() { run(t, "git", "-C", clone, "reset", "--quiet", "--hard", "HEAD~1") })
		}
	}
	if s.arrange != nil {
		s.arrange(w)
	}

	log, err := w.act(t, s)
	if (err != nil) != (s.fails != "") {
		t.Errorf("the workflow ended with %v", err)
	}
	for _, job := range []string{"rehearse", "agree", "publish", "verify-image", "fetch-draft", "verify-files", "promote", "fetch"} {
		// The jobs of a matrix are numbered.
		result := func(r string) bool {
			return regexp.MustCompile(`(?m)^\[release/` + job + `(?:-\d+)? *\] 🏁  Job ` + r).MatchString(log)
		}
		switch {
		case job == s.fails && !result("failed"):
			t.Errorf("the job %s did not fail", job)
		case s.fails == "" && !result("succeeded"):
			t.Errorf("the job %s did not succeed", job)
		case job != s.fails && result("failed"):
			t.Errorf("the job %s failed", job)
		}
	}
	if !strings.Contains(log, s.says) {
		t.Errorf("the log does not say %q", s.says)
	}

	for _, tag := range s.moved {
		tags[tag] = strings.TrimPrefix(s.tag, "v")
	}
	if got := w.versions(t); !maps.Equal(got, tags) {
		t.Errorf("the registry has the versions %v, want %v", got, tags)
	}
	commit := strings.TrimSpace(run(t, "git", "-C", clone, "rev-parse", s.tag))
	if pushed := w.has(t, "sha-"+commit); pushed == s.unpushed {
		t.Errorf("the registry has the image of the commit: %v, want %v", pushed, !s.unpushed)
	}
	w.checkRelease(t, s)
	if t.Failed() {
		t.Log(log)
	}
}

// files are those of the release of a story: what does not agree is not signed.
func (s story) files() []string {
	names := rehearsal.AssetNames()
	if s.fails == "publish" {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".sigstore.json") })
	}
	return names
}

// checkRelease compares the release of a story on GitHub.
func (w *world) checkRelease(t *testing.T, s story) {
	t.Helper()
	var drafts, public int
	for id, release := range w.gitHub.Releases() {
		if release["tag_name"] != s.tag {
			continue
		}
		var files []string
		entries, err := os.ReadDir(w.gitHub.Assets(id))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			files = append(files, entry.Name())
		}
		if want := slices.Sorted(slices.Values(s.files())); !slices.Equal(files, want) {
			t.Errorf("the release has the files %q, want %q", files, want)
		}
		if release["draft"] == true {
			drafts++
			continue
		}
		public++
		if latest := release["make_latest"] == "true"; latest != s.latest {
			t.Errorf("the release is the latest one: %v, want %v", latest, s.latest)
		}
		if prerelease := release["prerelease"] == true; prerelease != strings.Contains(s.tag, "-") {
			t.Errorf("the release is a prerelease: %v", prerelease)
		}
	}
	count := map[bool]int{true: 1}
	if drafts != count[s.draft] || public != count[s.public] {
		t.Errorf("there are %d drafts and %d public releases of the tag, want %d and %d", drafts, public, count[s.draft], count[s.public])
	}
}

// act runs the workflow for the tag of a story and returns its log.
func (w *world) act(t *testing.T, s story) (log string, err error) {
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, fmt.Sprintf(`{"ref": "refs/tags/%s"}`, s.tag))
	standins, err := filepath.Abs("standins")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	args := append([]string{"push", "--eventpath=" + event, "--workflows=" + w.workflow,
		// The runners are this machine.
		"--platform=ubuntu-24.04=-self-hosted", "--platform=ubuntu-24.04-arm=-self-hosted",
		"--platform=macos-15=-self-hosted", "--platform=windows-2025=-self-hosted",
		"--actor=somebody", "--secret=GITHUB_TOKEN=" + token}, w.uses...)
	environ := map[string]string{
		"GITHUB_API":        w.gitHub.URL,
		"GITHUB_SERVER_URL": w.gitHub.URL,
		"GOFLAGS":           "-run=" + s.run,
		"PATH":              filepath.Join(standins, "bin") + ":" + os.Getenv("PATH"),
		"STANDINS":          standins,
		"STORY":             w.folder,
		"STORY_ON_UPLOAD":   s.onUpload,
		"TOOLS":             w.tools,
	}
	// What a job on the machine itself has.
	for _, variable := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN"} {
		environ[variable] = strings.TrimSpace(run(t, "go", "env", variable))
	}
	for _, variable := range []string{"HOME", "DOCKER_HOST", "DOCKER_CONFIG"} {
		environ[variable] = os.Getenv(variable)
	}
	if environ["DOCKER_CONFIG"] == "" {
		environ["DOCKER_CONFIG"] = filepath.Join(environ["HOME"], ".docker")
	}
	for _, variable := range slices.Sorted(maps.Keys(environ)) {
		args = append(args, "--env="+variable+"="+environ[variable])
	}

	cmd := exec.CommandContext(ctx, filepath.Join(w.tools, "act"), args...)
	cmd.Dir = filepath.Join(w.folder, "repository")
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+tmp, "TMPDIR="+tmp)
	// What a job has started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), errors.Join(err, ctx.Err())
}

// versions are the tags that people use, and the version that each one is.
func (w *world) versions(t *testing.T) map[string]string {
	t.Helper()
	versions := make(map[string]string)
	image := w.image(t)
	tags, err := remote.List(image, remote.WithAuth(anybody))
	if failed := new(transport.Error); errors.As(err, &failed) && failed.StatusCode == http.StatusNotFound {
		return versions // no release has come as far as the registry
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if strings.HasPrefix(tag, "sha-") || strings.HasPrefix(tag, "sha256-") {
			continue // a commit's, or a signature's
		}
		index, err := remote.Index(image.Tag(tag), remote.WithAuth(anybody))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		versions[tag] = manifest.Annotations["org.opencontainers.image.version"]
	}
	return versions
}

func (w *world) has(t *testing.T, tag string) bool {
	t.Helper()
	_, err := remote.Head(w.image(t).Tag(tag), remote.WithAuth(anybody))
	return err == nil
}

func (w *world) image(t *testing.T) name.Repository {
	t.Helper()
	image, err := name.NewRepository(w.registry.host + "/" + strings.ToLower(repository))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// token is that of GitHub, and the password of its registry.
const token = "story-token"

// anybody has an account that may read what is private.
var anybody = &authn.Basic{Username: "anybody", Password: token}

// A registry is a real one behind what GitHub's has before it: only who has
// logged in may write, or read what is private. It can be made to fail.
type registry struct {
	host      string
	private   atomic.Bool
	failAfter atomic.Int64 // so many manifests, or not at all if it is negative
}

func startRegistry(t *testing.T) *registry {
	t.Helper()
	address, stop, err := standin.StartRegistry(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	r := new(registry)
	r.failAfter.Store(-1)
	behind := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: address})
		p.Out.Host = p.In.Host // which it makes its redirections of
		p.Out.Header.Del("Authorization")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		reads := request.Method == http.MethodGet || request.Method == http.MethodHead
		if _, password, _ := request.BasicAuth(); password != token && (!reads || r.private.Load()) {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/manifests/") {
			if left := r.failAfter.Load(); left == 0 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			} else if left > 0 {
				r.failAfter.Add(-1)
			}
		}
		behind.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, &log)
	}
	return string(out)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
