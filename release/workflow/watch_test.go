package workflow

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"argserver/release/another"
	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.yaml.in/yaml/v3"
)

// TestWatch runs the watch for a release of another program, which is smaller and so
// rebuilt sooner. Each watch begins where the previous one ended.
func TestWatch(t *testing.T) {
	const repository = "OWNER/hello"
	folder := t.TempDir()
	clone := filepath.Join(folder, "repository")
	if err := os.Rename(another.Repository(t), clone); err != nil {
		t.Fatal(err)
	}
	must.Run(t, clone, "git", "branch", "--move", "main")
	gitHub := standin.StartGitHub(repository, t.TempDir())
	t.Cleanup(gitHub.Close)
	act := filepath.Join(folder, "act")
	must.Run(t, "../tools", "go", "build", "-o="+act, "github.com/nektos/act")
	registry := must.Registry(t)

	watch := func(vulnerable ...string) string {
		t.Helper()
		database := filepath.Join(t.TempDir(), "database")
		if err := standin.WriteVulnerabilities(database, vulnerable...); err != nil {
			t.Fatal(err)
		}
		event := filepath.Join(t.TempDir(), "event.json")
		must.Write(t, event, `{"ref": "refs/heads/main"}`)
		standins, err := filepath.Abs("../standin/actions")
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"schedule", "--eventpath=" + event, "--workflows=.github/workflows/watch.yml"}, localActions(t, "watch.yml")...)
		log, err := runAct(t, act, clone, args, map[string]string{
			"GITHUB_API_URL":    gitHub.URL + "/api/v3",
			"GITHUB_SERVER_URL": gitHub.URL,
			"PATH":              os.Getenv("PATH"),
			"REGISTRY":          registry,
			"STANDINS":          standins,
			"STORY":             folder,
			"VULNDB":            "file://" + database,
		})
		if err != nil {
			t.Fatalf("the watch ended with %v\n%s", err, log)
		}
		return log
	}
	if log := watch(); !strings.Contains(log, "/OWNER/hello/releases\n") || strings.Contains(log, "watch/check") {
		t.Errorf("without a release the watch does more than to look for one:\n%s", log)
	}

	release, err := build.Make(t.Context(), build.Options{
		Clone: clone, Commit: "HEAD", Tag: "v1.2.3", Repository: repository, Registry: registry, Folder: t.TempDir(), Log: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	must.Run(t, clone, "git", "tag", "v1.2.3")
	for _, tag := range []string{"1.2.3", "1.2", "1", "latest"} {
		if err := remote.WriteIndex(must.Reference(t, release.Image+":"+tag), release.Index); err != nil {
			t.Fatal(err)
		}
	}
	published := publish(t, gitHub, repository, release)

	binary := filepath.Join(published, release.Binaries[0].Name)
	good := must.Read(t, binary)
	must.Write(t, binary, good+"evil")
	watch("net/http.Serve", "archive/zip.NewReader")
	expectIssues(t, gitHub, "open")
	issue := gitHub.Issues()[1]
	for _, text := range []string{
		"Release v1.2.3 needs attention", "git checkout v1.2.3",
		"go -C release run ./verify fetch v1.2.3 " + release.Image + "@sha256:",
		"go -C release run ./verify rebuild v1.2.3", "    DIFFERS  " + release.Binaries[0].Name,
		"GO-9999-0001, which the source calls", "GO-9999-0002, which the source does not call", fmt.Sprintf("in %d binaries", len(release.Binaries)),
	} {
		if !strings.Contains(issue.Title+"\n"+issue.Body, text) {
			t.Errorf("the issue lacks %q:\n%s\n%s", text, issue.Title, issue.Body)
		}
	}

	must.Write(t, binary, good)
	watch()
	expectIssues(t, gitHub, "closed")
}

// TestWatchIssue runs the step of the watch that keeps the issue, for one report
// after another.
func TestWatchIssue(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(must.Read(t, "../../.github/workflows/watch.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	steps := workflow.Jobs["report"].Steps
	step := steps[len(steps)-1]
	gitHub := standin.StartGitHub("OWNER/hello", t.TempDir())
	defer gitHub.Close()
	folder := t.TempDir()
	report := func(text, repository string) (string, error) {
		path := filepath.Join(folder, "report.md")
		must.Write(t, path, text)
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Env = append(os.Environ(), "GITHUB_API_URL="+gitHub.URL+"/api/v3", "GITHUB_REPOSITORY="+repository, "GITHUB_TOKEN=token",
			"LABEL="+step.Env["LABEL"], "REPORT="+path, "RUNNER_TEMP="+folder, "TAG=v1.2.3")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, s := range []struct {
		report string
		want   []string // the state of each issue
	}{
		{"", nil},
		{"one", []string{"open"}},
		{"`$(touch evil)` \"'\\\n", []string{"open"}},
		{"", []string{"closed"}},
		{"", []string{"closed"}},
		{"three", []string{"closed", "open"}},
	} {
		if out, err := report(s.report, "OWNER/hello"); err != nil {
			t.Fatalf("with the report %q the step ends with %v\n%s", s.report, err, out)
		}
		expectIssues(t, gitHub, s.want...)
		if n := len(s.want); s.report != "" && gitHub.Issues()[n].Body != s.report {
			t.Errorf("the issue contains %q, want %q", gitHub.Issues()[n].Body, s.report)
		}
	}
	// As in a fork without issues.
	if out, err := report("four", "OWNER/other"); err == nil {
		t.Errorf("where no issue can be opened, the step does not fail:\n%s", out)
	}
	expectIssues(t, gitHub, "closed", "open")
}

// expectIssues compares the state of each issue. Each must have the label.
func expectIssues(t *testing.T, gitHub *standin.GitHub, states ...string) {
	t.Helper()
	issues := gitHub.Issues()
	for i, state := range states {
		if issue := issues[i+1]; issue.State != state || !slices.Equal(issue.Labels, []standin.Label{{Name: "release-watch"}}) {
			t.Errorf("issue %d is %+v, want it %s with the label release-watch", i+1, issue, state)
		}
	}
	if len(issues) != len(states) {
		t.Fatalf("there are %d issues, want %d", len(issues), len(states))
	}
}

// publish makes the files of a release public, with stand-ins for what the rehearsal
// does not make, and returns their folder.
func publish(t *testing.T, gitHub *standin.GitHub, repository string, release *build.Release) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, gitHub.URL+"/api/v3/repos/"+repository+"/releases",
		strings.NewReader(`{"tag_name": "`+release.Tag+`", "draft": false, "make_latest": "true"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("the release was answered with %s, want 201", response.Status)
	}
	folder := gitHub.Assets(1)
	var binaries []string
	for _, binary := range release.Binaries {
		binaries = append(binaries, binary.Name)
	}
	for _, name := range check.Files(binaries) {
		must.Write(t, filepath.Join(folder, name), "")
	}
	must.Run(t, ".", "cp", "-r", release.Files+"/.", folder)
	return folder
}
