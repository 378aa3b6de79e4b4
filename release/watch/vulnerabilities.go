package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"argserver/release/check"
	"argserver/release/internal/command"
)

// A vulnerability is an entry of the database that some binaries are affected by.
type vulnerability struct {
	summary, module, fixed string
	binaries               []string
	systems                []string // for which the source calls the vulnerable code
}

// scanBinaries reports the known vulnerabilities of some binaries. In a stripped
// binary govulncheck sees only the versions of modules and of the standard library,
// so it lists faults that the program never calls. The source in a folder tells
// which of them it calls.
func scanBinaries(ctx context.Context, paths []string, source string) ([]problem, error) {
	module, err := command.Output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return nil, err
	}
	tools := filepath.Join(filepath.Dir(module), "tools", "go.mod")
	tool, err := command.Output(exec.CommandContext(ctx, "go", "tool", "-modfile="+tools, "-n", "govulncheck"))
	if err != nil {
		return nil, err
	}
	found := make(map[string]*vulnerability)
	systems := make(map[string]string) // of the binaries with a vulnerability, and their Go
	var problems []problem
	for _, path := range paths {
		binary := filepath.Base(path)
		platform, err := check.Platform(binary)
		var findings []finding
		var goVersion string
		if err == nil {
			findings, goVersion, err = scan(ctx, tool, nil, "-mode=binary", path)
		}
		if err != nil {
			problems = append(problems, problem{"A binary cannot be scanned", "govulncheck -mode=binary " + binary, err.Error()})
		}
		for _, f := range findings {
			v := found[f.id]
			if v == nil {
				v = &vulnerability{summary: f.summary, module: f.module, fixed: f.fixed}
				found[f.id] = v
			}
			if !slices.Contains(v.binaries, binary) {
				v.binaries = append(v.binaries, binary)
			}
			systems[platform.OS] = goVersion
		}
	}
	for _, system := range slices.Sorted(maps.Keys(systems)) {
		environ := []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=amd64", "GOTOOLCHAIN=" + systems[system]}
		findings, _, err := scan(ctx, tool, environ, "-C="+source, ".")
		if err != nil {
			return nil, err
		}
		for _, f := range findings {
			if v := found[f.id]; v != nil && f.called && !slices.Contains(v.systems, system) {
				v.systems = append(v.systems, system)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		problems = append(problems, found[id].problem(id))
	}
	return problems, nil
}

func (v *vulnerability) problem(id string) problem {
	fixed := "no version fixes it yet"
	if v.fixed != "" {
		fixed = "fixed in " + v.fixed
	}
	p := problem{
		title:   "Known vulnerability " + id + ", which the source does not call",
		command: "govulncheck -mode=binary " + v.binaries[0],
		details: fmt.Sprintf("%s\nin %s, %s\nin %d binaries: %s\n", v.summary, v.module, fixed, len(v.binaries), strings.Join(v.binaries, " ")),
	}
	if v.systems != nil {
		p.title = "Known vulnerability " + id + ", which the source calls"
		p.command = "GOOS=" + v.systems[0] + " go tool -modfile=release/tools/go.mod govulncheck ."
		p.details += "the source calls it on " + strings.Join(v.systems, ", ") + "\n"
	}
	return p
}

// A finding is one line of govulncheck's report.
type finding struct {
	id, summary, module, fixed string
	called                     bool // whether a call of the vulnerable code was found
}

// scan runs govulncheck and also returns the version of Go that it judges.
// https://pkg.go.dev/golang.org/x/vuln/internal/govulncheck
func scan(ctx context.Context, tool string, environ []string, args ...string) (findings []finding, goVersion string, err error) {
	args = append([]string{"-format=json"}, args...)
	if db := os.Getenv("VULNDB"); db != "" {
		args = append([]string{"-db=" + db}, args...)
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(os.Environ(), environ...)
	out, err := command.Output(cmd)
	if err != nil {
		return nil, "", err
	}
	summaries := make(map[string]string)
	for messages := json.NewDecoder(strings.NewReader(out)); ; {
		var message struct {
			SBOM *struct {
				GoVersion string `json:"go_version"`
			}
			OSV *struct {
				ID      string
				Summary string
			}
			Finding *struct {
				OSV          string
				FixedVersion string `json:"fixed_version"`
				Trace        []struct{ Module, Function string }
			}
		}
		if err := messages.Decode(&message); errors.Is(err, io.EOF) {
			return findings, goVersion, nil
		} else if err != nil {
			return nil, "", fmt.Errorf("%s: %w", cmd, err)
		}
		if message.SBOM != nil {
			goVersion = message.SBOM.GoVersion
		}
		if osv := message.OSV; osv != nil {
			summaries[osv.ID] = osv.Summary
		}
		if f := message.Finding; f != nil {
			findings = append(findings, finding{f.OSV, summaries[f.OSV], f.Trace[0].Module, f.FixedVersion, f.Trace[0].Function != ""})
		}
	}
}
