package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/internal/must"
	"argserver/release/product"
	"argserver/release/standin"
)

// The binaries are stripped, as those of a release are.
func TestScanBinaries(t *testing.T) {
	const source = "../.."
	folder := t.TempDir()
	linux, windows := filepath.Join(folder, product.Name+"_linux_amd64"), filepath.Join(folder, product.Name+"_windows_amd64.exe")
	must.Run(t, source, "env", "CGO_ENABLED=0", "GOOS=linux", "go", "build", "-ldflags=-s -w", "-o="+linux, ".")
	must.Run(t, source, "env", "CGO_ENABLED=0", "GOOS=windows", "go", "build", "-ldflags=-s -w", "-o="+windows, ".")
	broken := filepath.Join(folder, product.Name+"_linux_386")
	must.Write(t, broken, "not a binary")
	evil := filepath.Join(folder, "evil")

	database := filepath.Join(folder, "database")
	if err := standin.WriteVulnerabilities(database, "net.Listen", "archive/zip.NewReader"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VULNDB", "file://"+database)
	problems, err := scanBinaries(t.Context(), []string{broken, evil, linux, windows}, source)
	if err != nil || len(problems) != 4 {
		t.Fatalf("there are the problems %q (%v), want 4", problems, err)
	}
	for i, path := range []string{broken, evil} {
		if p := problems[i]; p.title != "A binary cannot be scanned" || !strings.HasSuffix(p.command, filepath.Base(path)) {
			t.Errorf("a problem is %q, want that %s cannot be scanned", p, filepath.Base(path))
		}
	}
	for i, want := range []problem{
		{"GO-9999-0001, which the source calls", "GOOS=linux go tool", "calls it on linux, windows\n"},
		{"GO-9999-0002, which the source does not call", "govulncheck -mode=binary " + filepath.Base(linux),
			"Made up in archive/zip.NewReader\nin stdlib, fixed in v1.999.0\nin 2 binaries: " + filepath.Base(linux) + " " + filepath.Base(windows) + "\n"},
	} {
		got := problems[i+2]
		if !strings.HasSuffix(got.title, want.title) || !strings.HasPrefix(got.command, want.command) || !strings.HasSuffix(got.details, want.details) {
			t.Errorf("a problem is %q, want %q", got, want)
		}
	}

	empty := filepath.Join(folder, "empty")
	if err := standin.WriteVulnerabilities(empty); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VULNDB", "file://"+empty)
	if problems, err := scanBinaries(t.Context(), []string{linux, windows}, source); problems != nil || err != nil {
		t.Errorf("without vulnerabilities there are the problems %q (%v)", problems, err)
	}
}

func TestDownloadBinaries(t *testing.T) {
	published := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(published)))
	defer server.Close()
	sum := strings.Repeat("0", 64)
	for _, c := range []struct {
		sums    string
		paths   int
		problem string // the command of the only one
	}{
		{"", 0, "checksums.txt"},
		{"nonsense\n", 0, "checksums.txt"},
		{sum + "  one\n", 1, ""},
		{sum + "  one\n" + sum + "  two\n", 1, "two"},
	} {
		if c.sums != "" {
			must.Write(t, filepath.Join(published, "checksums.txt"), c.sums)
			must.Write(t, filepath.Join(published, "one"), "content")
		}
		paths, problems, err := downloadBinaries(t.Context(), server.URL, t.TempDir())
		if err != nil || len(paths) != c.paths || (c.problem == "") != (problems == nil) ||
			problems != nil && (len(problems) != 1 || !strings.HasSuffix(problems[0].command, "/"+c.problem)) {
			t.Errorf("with the checksums %q there are the files %q and the problems %q (%v), want %d files and a problem of %q",
				c.sums, paths, problems, err, c.paths, c.problem)
		}
	}
}

// Nothing that a release contains can be more than text in the report.
func TestReport(t *testing.T) {
	if got := report("v1.2.3", nil); got != "" {
		t.Errorf("the report of a good release is %q, want nothing", got)
	}
	got := report("v1.2.3", []problem{{"title", "command", "one\r\n```\n@somebody"}, {"other", "command", strings.Repeat("ä\n", longest)}})
	if want := "### title\n\n`command`\n\n    one\n    ```\n    @somebody\n\n### other"; !strings.Contains(got, want) {
		t.Errorf("the report begins with %.300q, want it to contain %q", got, want)
	}
	if len(got) > 1<<16 || !strings.HasSuffix(got, "the log of the workflow has it.\n") {
		t.Errorf("a long report has %d bytes and ends with %q", len(got), got[len(got)-100:])
	}
}

func TestWatch(t *testing.T) {
	for tag, want := range map[string]string{"v1.2": `version "v1.2"`, "v0.0.0-none": "git checkout v0.0.0-none"} {
		_, err := watch(t.Context(), "owner/name", tag)
		must.Fail(t, err, want)
	}
}
