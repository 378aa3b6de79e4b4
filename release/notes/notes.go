// Package notes holds the end of the release notes, notes.md: how to verify a release
// and how to rebuild it. It is a template of GoReleaser.
// https://goreleaser.com/customization/general/templates/
package notes

import (
	"cmp"
	_ "embed"
	"os"
	"regexp"
	"strings"
	"text/template"
)

// Template is the content of notes.md.
//
//go:embed notes.md
var Template string

// Pipeline returns the workflow that a release runs in, as GitHub names it in
// job.workflow_ref and in certificates, such as
// OWNER/NAME/.github/workflows/pipeline.yml@refs/tags/v1.2.3. It is that of the
// environment variable PIPELINE, or else the repository's own at the tag.
func Pipeline(repository, tag string) string {
	return cmp.Or(os.Getenv("PIPELINE"), repository+"/.github/workflows/pipeline.yml@refs/tags/"+tag)
}

// Render returns what GoReleaser makes of the template for a program, a tag such as
// v1.2.3, and environment variables.
func Render(program, tag string, environment map[string]string) (string, error) {
	parsed, err := template.New("notes.md").Option("missingkey=error").Funcs(template.FuncMap{
		"tolower": strings.ToLower, "split": strings.Split, "trimsuffix": strings.TrimSuffix,
	}).Parse(Template)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = parsed.Execute(&text, map[string]any{"Env": environment, "ProjectName": program, "Tag": tag, "Version": strings.TrimPrefix(tag, "v")})
	return text.String(), err
}

// Commands returns the commands in some notes that verify something, each in one line.
func Commands(notes string) []string {
	notes = regexp.MustCompile(` \\\n *`).ReplaceAllString(notes, " ")
	return regexp.MustCompile(`(?m)^(?:cosign|gh) .*`).FindAllString(notes, -1)
}
