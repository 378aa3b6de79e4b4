// Package workflow tests the workflows. It runs the whole pipeline on this machine, once
// for each story of how a release can go. It has tests only.
package workflow

import (
	"bytes"
	"cmp"
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

	"argserver/release/another"
	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Both repositories have a capital letter, which the name of an image must not have. The
// first one holds the pipeline, and the other calls it.
const repository, caller = "Owner/argserver", "Somebody/hello"

// A story is a release and how it ends. Each begins where the previous one ended.
type story struct {
	name    string
	tag     string
	same    bool   // whether the tag is on the commit of the previous story
	source  string // a Go file that the tagged commit adds to the program
	test    string // a Go test that it adds
	run     string // the tests of the rehearsal to run
	arrange func(*world)
	// onUpload is shell code that tampers with the artifact $NAME on its way from
	// one job to another.
	onUpload string

	fails    string            // the job that stops the release
	says     string            // what its log must contain
	moved    []string          // public tags that now name this version
	draft    bool              // whether there is a draft now
	public   bool              // whether the release is public now
	latest   bool              // whether it is the latest release now
	complete map[string]string // public tags that now name another version
	unpushed bool              // whether the registry has no image of the tag
}

// The stable version is rehearsed except for the slow rebuild. The other stories are
// not about the rehearsal.
const (
	runMost  = "TestRehearsal/^(binaries|sums|notes|index|run|image)$"
	runLeast = "TestRehearsal/^(sums|index)$"
)

var stable = story{name: "stable", tag: "v1.3.0", run: runMost,
	moved: []string{"1.3.0", "1.3", "1", "latest"}, public: true, latest: true}

var stories = []story{
	{name: "tag is no version", tag: "v1.2", fails: "rehearse", says: `version "v1.2": want a semantic version`, unpushed: true},
	{name: "tag has build metadata", tag: "v1.3.0+build", fails: "rehearse", says: "without build metadata", unpushed: true},
	{name: "tests of the commit fail", tag: "v1.0.0", run: "TestStory",
		test:  "package main\n\nimport \"testing\"\n\nfunc TestStory(t *testing.T) {\n\tt.Error(\"the story ends here\")\n}\n",
		fails: "rehearse", says: "the story ends here", unpushed: true},
	stable,
	{name: "prerelease, and a signature that is refused once", tag: "v1.4.0-rc.1", run: runLeast,
		arrange: func(w *world) { w.registry.refuseSignatures.Store(1) },
		says:    "retry: exit status 1 of: cosign sign --yes ",
		moved:   []string{"1.4.0-rc.1"}, public: true},
	// The commit is that of the prerelease, so it has two tags.
	{name: "backport", tag: "v1.2.9", same: true, run: runLeast,
		moved: []string{"1.2.9", "1.2"}, public: true},
	{name: "promotion is cut off", tag: "v1.1.0", run: runLeast,
		arrange: func(w *world) { w.registry.refuseTag.Store(new("1.1")) },
		moved:   []string{"1.1.0"}, public: true,
		fails: "promote", says: "manifests/1.1: "},
	{name: "runners disagree", tag: "v1.3.1", run: runLeast,
		onUpload: `if [ "$NAME" = rehearsed-ubuntu-24.04-arm ]; then sed -i '1s/^./x/' checksums.txt; fi`,
		fails:    "publish", says: "  hello_", unpushed: true},
	{name: "platform does not start", tag: "v1.3.2", run: "TestRehearsal/^image$/^linux$/^arm64$",
		source: "package main\n\nimport (\"os\"; \"runtime\")\n\nfunc init() {\n\tif runtime.GOARCH == \"arm64\" {\n\t\tos.Exit(3)\n\t}\n}\n",
		fails:  "rehearse", says: "FAIL: TestRehearsal/image/linux/arm64", unpushed: true},
	{name: "pushed digest differs", tag: "v1.3.3", run: runLeast,
		onUpload: `if [ -e index-digest ]; then sed -i 's/sha256:./sha256:x/' index-digest; fi`,
		fails:    "publish", says: "< sha256:x", draft: true},
	{name: "registry fails halfway", tag: "v1.3.4", run: runLeast,
		arrange: func(w *world) { w.registry.failAfter.Store(1) },
		// act may lose the end of what GoReleaser prints.
		fails: "publish", says: "Failure - Main Release", unpushed: true},
	{name: "package is private", tag: "v1.3.5", run: runLeast,
		arrange: func(w *world) { w.registry.failAfter.Store(-1); w.registry.private.Store(true) },
		fails:   "verify", says: "/" + strings.ToLower(caller) + "/pkgs/container/hello, under Package settings", draft: true},
	// The same tag again: there is a draft and an image already.
	{name: "package is made public", tag: "v1.3.5", run: runLeast,
		arrange: func(w *world) { w.registry.private.Store(false); w.registry.refuseTag.Store(nil) },
		moved:   []string{"1.3.5", "1.3", "1", "latest"}, public: true, latest: true,
		// It completes the promotion that was cut off.
		complete: map[string]string{"1.1": "1.1.0"}},
}

// The stories release a program that calls the pipeline from its own repository. One of
// them releases argserver too, with all targets and platforms.
func TestStories(t *testing.T) {
	programs := buildPrograms(t)
	sigstore := startSigstore(t, programs)
	for repository, stories := range map[string][]story{repository: {stable}, caller: stories} {
		t.Run(filepath.Base(repository), func(t *testing.T) {
			w := newWorld(t, programs, sigstore, repository)
			tags := make(map[string]string)
			for _, s := range stories {
				if !t.Run(s.name, func(t *testing.T) { w.tell(t, s, tags) }) {
					break // the next one cannot begin
				}
			}
		})
	}
}

// A world holds everything around the workflow.
type world struct {
	repository string // that is released
	commit     string // of the pipeline that the repository calls; empty for its own
	folder     string // data of the stand-ins
	programs   string // folder
	registry   *registry
	gitHub     *standin.GitHub
	sigstore   *sigstore
	uses       []string // flags of act that name the stand-in for each action
}

func newWorld(t *testing.T, programs string, sigstore *sigstore, released string) *world {
	t.Helper()
	w := &world{repository: released, folder: t.TempDir(), programs: programs, sigstore: sigstore}
	w.registry = startRegistry(t)
	w.gitHub = standin.StartGitHub(released, t.TempDir())
	t.Cleanup(w.gitHub.Close)

	clone := w.clone(repository)
	must.Run(t, ".", "git", "clone", "--quiet", "--no-tags", "../..", clone)
	must.Run(t, clone, "git", "remote", "set-url", "origin", "https://github.com/"+repository)

	// The workflow runs as it is, but with another registry, and with the properties that
	// act does not know.
	path := filepath.Join(clone, ".github/workflows/pipeline.yml")
	content := must.Read(t, path)
	for old, new := range map[string]string{
		"  REGISTRY: ghcr.io\n":          "  REGISTRY: " + w.registry.host + "\n",
		"${{ job.workflow_repository }}": repository,
		"${{ job.workflow_sha }}":        "${{ env.STORY_COMMIT }}",
		"${{ job.workflow_ref }}":        "${{ env.STORY_PIPELINE }}",
	} {
		if !strings.Contains(content, old) {
			t.Fatalf("pipeline.yml lacks %q", old)
		}
		content = strings.ReplaceAll(content, old, new)
	}
	must.Write(t, path, content)
	commit(t, clone, "pipeline of the stories")

	w.uses = localActions(t, "pipeline.yml")
	if released != repository {
		w.commit = must.Run(t, clone, "git", "rev-parse", "HEAD")
		w.uses = append(w.uses, "--local-repository="+repository+"@"+w.commit+"="+clone)
		another.Repository(t, w.clone(released), repository, w.commit)
		must.Run(t, w.clone(released), "git", "remote", "add", "origin", "https://github.com/"+released)
	}
	return w
}

// clone is the folder of a repository.
func (w *world) clone(repository string) string {
	return filepath.Join(w.folder, "repositories", repository)
}

// commit commits all files of a clone.
func commit(t *testing.T, clone, message string) {
	t.Helper()
	must.Run(t, clone, "git", "add", "--all")
	must.Run(t, clone, "git", "-c", "user.name=Story", "-c", "user.email=story@example.org",
		"commit", "--quiet", "--allow-empty", "--message="+message)
}

// localActions returns flags of act that name the stand-in for each action of a
// workflow.
func localActions(t *testing.T, workflow string) (flags []string) {
	t.Helper()
	actions, err := filepath.Abs("../standin/actions")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"workflows/" + workflow, "actions/release-tools/action.yml"} {
		for _, use := range regexp.MustCompile(`uses: ([\w-]+/[\w-]+)(@\w+)`).FindAllStringSubmatch(must.Read(t, "../../.github", file), -1) {
			flags = append(flags, "--local-repository="+use[1]+use[2]+"="+filepath.Join(actions, use[1]))
		}
	}
	return flags
}

// tell runs the workflow for a tag, and compares the registry and the releases with
// what the story expects.
func (w *world) tell(t *testing.T, s story, tags map[string]string) {
	clone := w.clone(w.repository)
	if must.Run(t, ".", "git", "-C", clone, "tag", "--list", s.tag) == "" {
		for name, content := range map[string]string{"story.go": s.source, "story_test.go": s.test} {
			if content != "" {
				must.Write(t, filepath.Join(clone, name), content)
			}
		}
		if !s.same {
			commit(t, clone, s.name)
		}
		must.Run(t, ".", "git", "-C", clone, "tag", s.tag)
		if s.source+s.test != "" {
			// Later stories are without it.
			t.Cleanup(func() { must.Run(t, ".", "git", "-C", clone, "reset", "--quiet", "--hard", "HEAD~1") })
		}
	}
	if s.arrange != nil {
		s.arrange(w)
	}

	log, err := w.act(t, s)
	if (err != nil) != (s.fails != "") {
		t.Errorf("the workflow ended with %v", err)
	}
	for _, job := range []string{"rehearse", "publish", "sign", "verify", "promote", "fetch"} {
		// act numbers the jobs of a matrix.
		result := func(r string) bool {
			return regexp.MustCompile(`(?m)^\[release/pipeline/` + job + `(?:-\d+)? *\] 🏁  Job ` + r).MatchString(log)
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
		t.Errorf("the log does not contain %q", s.says)
	}

	for _, tag := range s.moved {
		tags[tag] = strings.TrimPrefix(s.tag, "v")
	}
	maps.Copy(tags, s.complete)
	if got := w.versions(t); !maps.Equal(got, tags) {
		t.Errorf("the registry has the versions %v, want %v", got, tags)
	}
	if pushed := w.has(t, "staging-"+strings.TrimPrefix(s.tag, "v")); pushed == s.unpushed {
		t.Errorf("the registry has the image of the tag: %v, want %v", pushed, !s.unpushed)
	}
	w.checkRelease(t, s)
	if t.Failed() {
		t.Log(log)
	}
}

// files lists the files of the release. A draft has no signatures.
func (s story) files(binaries []string) []string {
	names := check.Files(binaries)
	if s.draft {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".sigstore.json") })
	}
	return names
}

// checkRelease compares the releases on GitHub with what the story expects.
func (w *world) checkRelease(t *testing.T, s story) {
	t.Helper()
	var drafts, public int
	for id, release := range w.gitHub.Releases() {
		if release["tag_name"] != s.tag {
			continue
		}
		binaries, err := check.Sums(w.gitHub.Assets(id))
		if err != nil {
			t.Error(err)
		}
		var files []string
		entries, err := os.ReadDir(w.gitHub.Assets(id))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			files = append(files, entry.Name())
		}
		if want := slices.Sorted(slices.Values(s.files(binaries))); !slices.Equal(files, want) {
			t.Errorf("the release has the files %q, want %q", files, want)
		}
		if release["draft"] == true {
			drafts++
			continue
		}
		public++
		w.follow(t, release["body"].(string))
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

// follow runs the commands in the notes of a public release as a stranger types
// them, except for the last, which rebuilds the release.
func (w *world) follow(t *testing.T, notes string) {
	t.Helper()
	standins, err := filepath.Abs("../standin/bin")
	if err != nil {
		t.Fatal(err)
	}
	notes = strings.ReplaceAll(notes, "https://github.com/"+w.repository+"/releases", w.gitHub.URL+"/"+w.repository+"/releases")
	blocks := shellBlocks(notes)
	if len(blocks) != 4 {
		t.Fatalf("the notes have %d blocks of commands, want 4:\n%s", len(blocks), notes)
	}
	t.Cleanup(func() {
		exec.Command("docker", "rmi", "--force", regexp.MustCompile(`docker pull (\S+)`).FindStringSubmatch(notes)[1]).Run()
	})
	folder := t.TempDir()
	for _, block := range blocks[:3] {
		cmd := exec.Command("bash", "-euc", block)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "PATH="+w.programs+":"+standins+":"+os.Getenv("PATH"), "TOOLS="+w.programs)
		for name, value := range w.sigstore.trust {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// act runs the workflow for the tag of a story and returns its log.
func (w *world) act(t *testing.T, s story) (log string, err error) {
	event := filepath.Join(t.TempDir(), "event.json")
	must.Write(t, event, fmt.Sprintf(`{"ref": "refs/tags/%s"}`, s.tag))
	standins, err := filepath.Abs("../standin/actions")
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"push", "--eventpath=" + event, "--workflows=.github/workflows/release.yml"}, w.uses...)
	environ := map[string]string{
		"GITHUB_API":        w.gitHub.URL,
		"GITHUB_SERVER_URL": w.gitHub.URL,
		"GOFLAGS":           "-run=" + s.run,
		"PATH":              filepath.Join(filepath.Dir(standins), "bin") + ":" + os.Getenv("PATH"),
		"STANDINS":          standins,
		"STORY":             w.folder,
		"STORY_ON_UPLOAD":   s.onUpload,
		"TOOLS":             w.programs,
	}
	clone, ref := w.clone(w.repository), "refs/tags/"+s.tag
	commit := must.Run(t, clone, "git", "rev-parse", s.tag)
	environ["STORY_COMMIT"] = cmp.Or(w.commit, commit)
	environ["STORY_PIPELINE"] = repository + pipeline + cmp.Or(w.commit, ref)
	maps.Copy(environ, w.sigstore.trust)
	maps.Copy(environ, w.sigstore.identity(signer{w.repository, ref, environ["STORY_PIPELINE"]}, commit))
	return runAct(t, filepath.Join(w.programs, "act"), clone, args, environ)
}

// runAct runs act in a clone, with an environment for the jobs, and returns its log.
func runAct(t *testing.T, act, clone string, args []string, environ map[string]string) (log string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	args = append(args,
		// The runners are this machine.
		"--platform=ubuntu-24.04=-self-hosted", "--platform=ubuntu-24.04-arm=-self-hosted",
		"--platform=macos-15=-self-hosted", "--platform=macos-26=-self-hosted", "--platform=windows-2025=-self-hosted",
		"--actor=somebody", "--secret=GITHUB_TOKEN="+token)
	// A job on the machine itself inherits these.
	for _, variable := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN"} {
		environ[variable] = must.Run(t, ".", "go", "env", variable)
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

	cmd := exec.CommandContext(ctx, act, args...)
	cmd.Dir = clone
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+tmp, "TMPDIR="+tmp)
	// Processes that a job has started end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), errors.Join(err, ctx.Err())
}

// versions maps each public tag in the registry to the version it names.
func (w *world) versions(t *testing.T) map[string]string {
	t.Helper()
	versions := make(map[string]string)
	image := w.image(t)
	tags, err := remote.List(image)
	if failed := new(transport.Error); errors.As(err, &failed) && failed.StatusCode == http.StatusNotFound {
		return versions // nothing was pushed yet
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if strings.HasPrefix(tag, "sha256-") {
			continue // a signature
		}
		index, err := remote.Index(image.Tag(tag))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		version := manifest.Annotations["org.opencontainers.image.version"]
		if staged, ok := strings.CutPrefix(tag, "staging-"); !ok {
			versions[tag] = version
		} else if staged != version {
			t.Errorf("the registry has the version %s as %s", version, tag)
		}
	}
	return versions
}

func (w *world) has(t *testing.T, tag string) bool {
	t.Helper()
	_, err := remote.Head(w.image(t).Tag(tag))
	return err == nil
}

func (w *world) image(t *testing.T) name.Repository {
	t.Helper()
	return must.Reference(t, w.registry.real+"/"+strings.ToLower(w.repository)).Context()
}

// token is the token of GitHub, and the password of its registry.
const token = "story-token"

// A registry is a real one behind a login like that of GitHub's: writing, and reading
// private images, need one. It lags, and it can be made to fail.
type registry struct {
	host             string
	real             string // host and port of the real registry, which shows every change
	private          atomic.Bool
	failAfter        atomic.Int64           // manifests to accept before failing; negative for no limit
	refuseSignatures atomic.Int64           // lists of signatures to refuse
	refuseTag        atomic.Pointer[string] // the tag that cannot be set
}

func startRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{real: must.Registry(t)}
	r.failAfter.Store(-1)
	behind := standin.NewLaggingRegistry(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: r.real})
		p.Out.Host = p.In.Host // redirects contain it
		p.Out.Header.Del("Authorization")
	}}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		reads := request.Method == http.MethodGet || request.Method == http.MethodHead
		if _, password, _ := request.BasicAuth(); password != token && (!reads || r.private.Load()) {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/manifests/sha256-") && r.refuseSignatures.Add(-1) >= 0 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/manifests/") {
			if tag := r.refuseTag.Load(); tag != nil && strings.HasSuffix(request.URL.Path, "/"+*tag) {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
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
