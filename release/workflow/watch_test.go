package workflow

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/another"
	"argserver/release/internal/must"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/v1/remote"
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
	// expect compares the only issue with a state and with texts that it must contain.
	expect := func(state string, texts ...string) {
		t.Helper()
		issues := gitHub.Issues()
		if len(issues) != 1 || issues[1].State != state || len(issues[1].Labels) != 1 {
			t.Fatalf("the issues are %+v, want one with a label that is %s", issues, state)
		}
		for _, text := range texts {
			if !strings.Contains(issues[1].Title+"\n"+issues[1].Body, text) {
				t.Errorf("the issue lacks %q:\n%s\n%s", text, issues[1].Title, issues[1].Body)
			}
		}
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

	watch()
	if issues := gitHub.Issues(); len(issues) != 0 {
		t.Fatalf("a good release has the issues %+v", issues)
	}

	binary := filepath.Join(published, release.Binaries[0].Name)
	good := must.Read(t, binary)
	must.Write(t, binary, good+"evil")
	watch()
	expect("open", "Release v1.2.3 needs attention", "git checkout v1.2.3", "go -C release run ./verify fetch v1.2.3 "+release.Image+"@sha256:",
		"go -C release run ./verify rebuild v1.2.3", "    DIFFERS  "+release.Binaries[0].Name)

	must.Write(t, binary, good)
	watch("net/http.Serve", "archive/zip.NewReader")
	expect("open", "GO-9999-0001, which the source calls", "GO-9999-0002, which the source does not call", fmt.Sprintf("in %d binaries", len(release.Binaries)))
	if body := gitHub.Issues()[1].Body; strings.Contains(body, "DIFFERS") {
		t.Errorf("the issue still says what was wrong before:\n%s", body)
	}

	watch()
	expect("closed")
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
