package workflow

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/another"
	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestWatch runs the watch for a release with few targets, which is rebuilt sooner.
func TestWatch(t *testing.T) {
	folder := t.TempDir()
	clone := filepath.Join(folder, "repositories", repository)
	must.Run(t, ".", "git", "clone", "--quiet", "--no-tags", "../..", clone)
	must.Run(t, clone, "git", "checkout", "--quiet", "-B", "main")
	must.Run(t, clone, "git", "remote", "set-url", "origin", "https://github.com/"+repository)
	config := filepath.Join(clone, ".goreleaser.yaml")
	must.Write(t, config, another.Reduce(must.Read(t, config), "linux_amd64", "linux_arm64", "darwin_arm64", "linux/amd64", "linux/arm64"))
	commit(t, clone, "few targets")
	gitHub := standin.StartGitHub(repository, t.TempDir())
	t.Cleanup(gitHub.Close)
	act := filepath.Join(folder, "act")
	must.Run(t, "../tools", "go", "build", "-o="+act, "github.com/nektos/act")
	registry := must.Registry(t)
	standins, err := filepath.Abs("../standin/actions")
	if err != nil {
		t.Fatal(err)
	}
	event := filepath.Join(folder, "event.json")
	must.Write(t, event, `{"ref": "refs/heads/main"}`)

	// watch runs the workflow as it is, but with another registry, and with a database
	// in which one function of the standard library is vulnerable.
	watch := func(vulnerable string) (log string, err error) {
		t.Helper()
		workflow := must.Read(t, "../../.github/workflows/watch.yml")
		for old, new := range map[string]string{
			"  REGISTRY: ghcr.io\n": "  REGISTRY: " + registry + "\n",
			`"$govulncheck" ./...`:  `"$govulncheck" -db=file://` + writeDatabase(t, vulnerable) + " ./...",
		} {
			if strings.Count(workflow, old) != 1 {
				t.Fatalf("watch.yml contains %q %d times, want once", old, strings.Count(workflow, old))
			}
			workflow = strings.Replace(workflow, old, new, 1)
		}
		path := filepath.Join(folder, "watch.yml")
		must.Write(t, path, workflow)
		args := append([]string{"schedule", "--eventpath=" + event, "--workflows=" + path}, localActions(t, "watch.yml")...)
		return runAct(t, act, clone, args, map[string]string{
			"GITHUB_SERVER_URL": gitHub.URL,
			"PATH":              os.Getenv("PATH"),
			"STANDINS":          standins,
			"STORY":             folder,
		})
	}
	log, err := watch("net.Listen")
	if err != nil || !strings.Contains(log, "/"+repository+"/releases\n") || strings.Contains(log, "watch/check") {
		t.Fatalf("without a release the watch does more than look for one (%v):\n%s", err, log)
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
	published := gitHub.Assets(gitHub.AddByHand("v1.2.3", false))
	var binaries []string
	for _, binary := range release.Binaries {
		binaries = append(binaries, binary.Name)
	}
	for _, name := range check.Files(binaries) {
		must.Write(t, filepath.Join(published, name), "") // what the rehearsal does not make
	}
	must.Run(t, ".", "cp", "-r", release.Files+"/.", published)

	// The program does not use the vulnerable function.
	log, err = watch("archive/zip.NewReader")
	wants := []string{"/" + repository + "/releases/latest/download/checksums.txt\n", "same     " + release.Image + ":1.2.3\n", "| vulnerability in modules you require, but your code doesn't appear to call these\n"}
	for _, binary := range binaries {
		wants = append(wants, "same     "+binary+"\n", "| "+strings.TrimPrefix(binary, "argserver_")+"\n")
	}
	expectLog(t, log, wants...)
	if err != nil {
		t.Errorf("the watch of a good release ended with %v\n%s", err, log)
	}

	// Whoever replaces a binary can replace its checksum too.
	path, sums := filepath.Join(published, binaries[0]), filepath.Join(published, check.SumsFile)
	good := must.Read(t, path)
	must.Write(t, path, good+"evil")
	must.Write(t, sums, strings.Replace(must.Read(t, sums), hash(good), hash(good+"evil"), 1))
	log, err = watch("net.Listen")
	expectLog(t, log, "Vulnerability #1: GO-9999-0001\n", "DIFFERS  "+binaries[0]+": ", "same     "+binaries[1]+"\n")
	if err == nil {
		t.Errorf("the watch of a tampered and vulnerable release succeeded\n%s", log)
	}
}

func hash(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

func expectLog(t *testing.T, log string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(log, text) {
			t.Errorf("the log of the watch lacks %q:\n%s", text, log)
		}
	}
}

// writeDatabase writes a vulnerability database with one entry, a function of the
// standard library such as net.Listen, and returns its folder.
// https://go.dev/doc/security/vuln/database
func writeDatabase(t *testing.T, function string) string {
	t.Helper()
	folder := t.TempDir()
	dot := strings.LastIndex(function, ".")
	const modified = `"modified": "2026-01-01T00:00:00Z"`
	for name, content := range map[string]string{
		"index/db.json":      `{` + modified + `}`,
		"index/modules.json": `[{"path": "stdlib", "vulns": [{"id": "GO-9999-0001", ` + modified + `}]}]`,
		"ID/GO-9999-0001.json": `{"id": "GO-9999-0001", ` + modified + `, "database_specific": {}, "affected": [{"package": {"name": "stdlib"},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
			"ecosystem_specific": {"imports": [{"path": "` + function[:dot] + `", "symbols": ["` + function[dot+1:] + `"]}]}}]}`,
	} {
		must.Write(t, filepath.Join(folder, name), content)
	}
	return folder
}
