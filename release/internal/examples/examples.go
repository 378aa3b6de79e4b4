// Package examples lets tests run the files in the folder examples, and check what
// the page there says about them.
package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/internal/must"
	"argserver/release/machine"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Published is the image in every example.
const Published = "ghcr.io/OWNER/argserver:latest"

// Release makes a release of the commit that is checked out, from a package that is
// three folders below the root. Its image has the tag latest too.
func Release(t *testing.T) *build.Release {
	t.Helper()
	if err := machine.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r, err := build.Make(t.Context(), build.Options{
		Clone:      "../../..",
		Commit:     "HEAD",
		Tag:        "v1.2.3",
		Repository: "OWNER/argserver",
		Registry:   must.Registry(t),
		Folder:     t.TempDir(),
		ImageOnly:  true,
		Log:        t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	latest, err := name.NewTag(Image(r))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Tag(latest, r.Index); err != nil {
		t.Fatal(err)
	}
	return r
}

// Image returns the name of a release's image, with the tag latest.
func Image(r *build.Release) string {
	return r.Image + ":latest"
}

// Folder copies the examples into a temporary folder, with an image in place of the
// published one and nothing else changed.
func Folder(t *testing.T, image string) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir("../../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content := must.Read(t, "../../../examples", entry.Name())
		must.Write(t, filepath.Join(dir, entry.Name()), strings.ReplaceAll(content, Published, image))
	}
	return dir
}

// Section is what the page says about one place.
type Section struct {
	Start     string // shell commands that start the example and show its arguments
	Stop      string // shell commands that stop it
	Arguments []Row  // what you write, and which arguments the program gets
	Mistakes  []Row  // a mistake, and what you see
}

// Row is a row of a table. Left holds the text of the code spans, joined by newlines,
// or all of the text if there are none. Right holds that of the first code span. Cell is
// the left cell as it stands on the page.
type Row struct{ Left, Right, Cell string }

// Read returns a section of the page.
func Read(t *testing.T, heading string) Section {
	t.Helper()
	section, err := parse(must.Read(t, "../../../examples/README.md"), heading)
	if err != nil {
		t.Fatal(err)
	}
	return section
}

var (
	codeBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	codeSpan  = regexp.MustCompile("`` (.+?) ``|`([^`]+)`")
)

// The headers of the two tables.
const (
	arguments = "you write|the program gets"
	mistakes  = "mistake|what you see"
)

func parse(page, heading string) (section Section, err error) {
	_, text, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		return section, fmt.Errorf("the page has no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	blocks := codeBlock.FindAllStringSubmatch(text, -1)
	if len(blocks) != 2 {
		return section, fmt.Errorf("section %q: %d blocks of commands, want one that starts the example and one that stops it", heading, len(blocks))
	}
	section.Start, section.Stop = blocks[0][1], blocks[1][1]
	table := ""
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			table = ""
			continue
		}
		if strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 2 || !strings.HasPrefix(cells[0], "| ") || !strings.HasSuffix(cells[1], " |") || cells[0] == "| " || cells[1] == " |" {
			return section, fmt.Errorf("section %q: want a row like | a | b |, not %s", heading, line)
		}
		cells = []string{strings.TrimPrefix(cells[0], "| "), strings.TrimSuffix(cells[1], " |")}
		row := Row{Left: strings.Join(spans(cells[0]), "\n"), Right: spans(cells[1])[0], Cell: cells[0]}
		switch table {
		case "":
			table = strings.Join(cells, "|")
		case arguments:
			section.Arguments = append(section.Arguments, row)
		case mistakes:
			section.Mistakes = append(section.Mistakes, row)
		default:
			return section, fmt.Errorf("section %q: no test knows the table %q", heading, table)
		}
	}
	return section, nil
}

// spans returns the text of the code spans in a cell, or all of its text if there are
// none.
func spans(cell string) (texts []string) {
	for _, match := range codeSpan.FindAllStringSubmatch(cell, -1) {
		texts = append(texts, strings.ReplaceAll(match[1]+match[2], `\|`, "|"))
	}
	if texts == nil {
		return []string{cell}
	}
	return texts
}

// Check compares a row with what was seen: the same arguments if the row gives
// arguments, else a message that contains the text of the row, in upper or lower case.
func Check(t *testing.T, row Row, got string) {
	t.Helper()
	if !matches(row.Right, got) {
		t.Errorf("%s\ngives\n%s\nbut the page says\n%s", row.Left, got, row.Right)
	}
}

func matches(want, got string) bool {
	var wantArgs, gotArgs []string
	if json.Unmarshal([]byte(want), &wantArgs) == nil {
		return json.Unmarshal([]byte(got), &gotArgs) == nil && slices.Equal(wantArgs, gotArgs)
	}
	return strings.Contains(strings.ToLower(got), strings.ToLower(want))
}

// Type runs a block of shell commands in a folder until one fails, two minutes at
// most. It returns what they print. It also works while a test cleans up.
func Type(t *testing.T, dir, block string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", block)
	cmd.Dir = dir
	// The shell gets a process group, so that what it started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}
