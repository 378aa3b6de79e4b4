package workflow

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/release/another"
	"argserver/release/internal/must"

	"go.yaml.in/yaml/v3"
)

// The workflows use the versions of tools that are pinned in the modules, where
// dependabot proposes newer ones.
func TestPins(t *testing.T) {
	const action, pipeline = "../../.github/actions/release-tools/action.yml", "../../.github/workflows/pipeline.yml"
	for _, pin := range []struct{ file, before, module, tool, after string }{
		{action, "version: ", "..", "github.com/docker/buildx", "\n"},
		{action, "image=moby/buildkit:", "..", "github.com/moby/buildkit", "@sha256:"},
		{pipeline, "cosign-release: ", "../tools", "github.com/sigstore/cosign/v3", "\n"},
	} {
		version := must.Run(t, pin.module, "go", "list", "-m", "-f={{ .Version }}", pin.tool)
		content := must.Read(t, pin.file)
		if n := strings.Count(content, pin.before); n == 0 || n != strings.Count(content, pin.before+version+pin.after) {
			t.Errorf("%s has another version than %s of %s", pin.file, version, pin.tool)
		}
	}
}

func TestWorkflows(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../.github/workflows/*.yml", "../../.github/actions/*/action.yml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || found == nil {
			t.Fatalf("no file is like %s (%v)", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		for _, problem := range checkWorkflow(must.Read(t, file)) {
			t.Errorf("%s: %s", file, problem)
		}
	}
}

var (
	uses      = regexp.MustCompile(`(?m)^ +(?:- )?uses: (.*)$`)
	pinnedUse = regexp.MustCompile(`^(?:\./\S+|[\w-]+/\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)
	checkout  = regexp.MustCompile(`uses: actions/checkout@.*\n +with:\n +persist-credentials: false\n`)
	// A script must not contain an expression: GitHub expands it unquoted, whoever
	// wrote its value.
	expansion = regexp.MustCompile(`(?m)^ +(?:- )?run: (?:\|\n(?: {10,}.*\n)* {10,}.*|.*)\$\{\{`)
)

// checkWorkflow lists what makes a workflow or an action less safe, and what
// actionlint does not look for.
func checkWorkflow(content string) (problems []string) {
	for _, use := range uses.FindAllStringSubmatch(content, -1) {
		if !pinnedUse.MatchString(use[1]) {
			problems = append(problems, "uses "+use[1]+", want a commit with the version beside it")
		}
	}
	if strings.Count(content, "uses: actions/checkout@") != len(checkout.FindAllString(content, -1)) {
		problems = append(problems, "checks out and leaves the token behind, want persist-credentials: false first")
	}
	if strings.Contains(content, "pull_request_target") {
		problems = append(problems, "runs on pull_request_target, with the permissions of the repository")
	}
	if expansion.MatchString(content) {
		problems = append(problems, "expands an expression in a script, want a variable of its environment")
	}
	for action, option := range map[string]string{"setup-go": " cache: false\n", "setup-buildx-action": " cache-binary: false\n"} {
		if strings.Count(content, action+"@") != strings.Count(content, option) {
			problems = append(problems, action+" restores a cache, want"+option)
		}
	}
	return problems
}

func TestCheckWorkflow(t *testing.T) {
	const sha = "3d3c42e5aac5ba805825da76410c181273ba90b1"
	for _, c := range []struct{ name, content, want string }{
		{"good", "      - uses: actions/checkout@" + sha + " # v7.0.1\n        with:\n          persist-credentials: false\n      - run: echo\n", ""},
		{"local", "      - uses: ./.github/actions/release-tools\n", ""},
		{"tag", "      - uses: docker/login-action@v4\n", "uses docker/login-action@v4, want a commit"},
		{"no version", "      - uses: docker/login-action@" + sha + "\n", "want a commit with the version"},
		{"token left", "      - uses: actions/checkout@" + sha + " # v7.0.1\n      - run: echo\n", "leaves the token behind"},
		{"trigger", "on:\n  pull_request_target:\n", "pull_request_target"},
		{"expansion", "      - run: echo ${{ github.ref_name }}\n", "expands an expression"},
		{"expansion in many lines", "      - run: |\n          echo\n          echo ${{ github.ref_name }}\n", "expands an expression"},
		{"expansion elsewhere", "      - run: |\n          echo\n        env:\n          A: ${{ github.ref_name }}\n", ""},
		{"cache", "      - uses: actions/setup-go@" + sha + " # v7.0.0\n", "setup-go restores a cache"},
		{"no cache", "      - uses: actions/setup-go@" + sha + " # v7.0.0\n        with:\n          cache: false\n", ""},
		{"cached program", "      - uses: docker/setup-buildx-action@" + sha + " # v4.3.0\n", "setup-buildx-action restores a cache"},
	} {
		t.Run(c.name, func(t *testing.T) {
			problems := strings.Join(checkWorkflow(c.content), "\n")
			if (c.want == "") != (problems == "") || !strings.Contains(problems, c.want) {
				t.Errorf("got %q, want %q", problems, c.want)
			}
		})
	}
}

// A file is a workflow.
type file struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			With      map[string]string
		}
	}
}

func parse(t *testing.T, content string) (f file) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(content), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func readPipeline(t *testing.T) file {
	t.Helper()
	return parse(t, must.Read(t, "../../.github/workflows/pipeline.yml"))
}

// GitHub refuses to call the pipeline with fewer permissions than its jobs ask for. More
// would be of no use.
func TestPermissions(t *testing.T) {
	called := readPipeline(t)
	want := make(map[string]string)
	for _, job := range called.Jobs {
		for scope, access := range job.Permissions {
			if want[scope] != "write" {
				want[scope] = access
			}
		}
	}
	hello := t.TempDir()
	another.Repository(t, hello, repository, "v1.2.3")
	for _, clone := range []string{"../..", hello} {
		content := must.Read(t, clone, ".github/workflows/release.yml")
		caller := parse(t, content)
		if got := caller.Jobs["release"].Permissions; !maps.Equal(got, want) || strings.Count(content, "\n") > 25 {
			t.Errorf("%s: release.yml grants %v in %d lines, want %v in at most 25", clone, got, strings.Count(content, "\n"), want)
		}
		if len(caller.Permissions)+len(called.Permissions) != 0 {
			t.Errorf("%s: a workflow grants permissions to all of its jobs, want permissions: {}", clone)
		}
	}
	for name, scopes := range map[string][]string{
		"rehearse": {"contents: read"},
		"publish":  {"contents: write", "packages: write"}, // runs hooks of the caller, so it must not sign
		"sign":     {"attestations: write", "contents: read", "id-token: write", "packages: write"},
		"verify":   {"contents: read"},
		"promote":  {"contents: write", "packages: write"},
		"fetch":    {"contents: read"},
	} {
		var got []string
		for scope, access := range called.Jobs[name].Permissions {
			got = append(got, scope+": "+access)
		}
		if slices.Sort(got); !slices.Equal(got, scopes) || len(called.Jobs) != 6 {
			t.Errorf("the job %s, one of %d, has the permissions %q, want %q", name, len(called.Jobs), got, scopes)
		}
	}
}

// The job that can sign builds nothing, and executes nothing but the pipeline itself.
func TestSign(t *testing.T) {
	for _, step := range readPipeline(t).Jobs["sign"].Steps {
		if strings.Contains(step.Uses, "/checkout@") && step.With["repository"] != "${{ job.workflow_repository }}" {
			t.Error("sign checks out the caller")
		}
		for line := range strings.Lines(step.Run) {
			if !regexp.MustCompile(`^(?:name=|digest=|(?:grep|diff|mkdir|cp|\(cat|printf|cosign|pipeline/release/machine/retry cosign) )`).MatchString(line) {
				t.Errorf("sign runs %q", line)
			}
		}
	}
}

// Every job checks out the pipeline's own commit, and stops if it is not known.
func TestOwnCommit(t *testing.T) {
	for name, job := range readPipeline(t).Jobs {
		named, checkout := job.Steps[0], job.Steps[1]
		if checkout.With["repository"] != "${{ job.workflow_repository }}" || checkout.With["ref"] != "${{ job.workflow_sha }}" || checkout.With["path"] != "pipeline" {
			t.Errorf("the second step of %s is %+v, want it to check out the pipeline", name, checkout)
		}
		commit := strings.Repeat("0", 40)
		for _, c := range []struct {
			repository, commit string
			fails              bool
		}{{"Owner/name", commit, false}, {"", commit, true}, {"Owner/name", "", true}, {"Owner/name", "main", true}} {
			cmd := exec.Command("bash", "-ec", named.Run)
			cmd.Env = []string{"REPOSITORY=" + c.repository, "COMMIT=" + c.commit}
			if out, err := cmd.CombinedOutput(); (err != nil) != c.fails {
				t.Errorf("the first step of %s ends with %v for %q, commit %q, want an error: %v\n%s", name, err, c.repository, c.commit, c.fails, out)
			}
		}
	}
}
