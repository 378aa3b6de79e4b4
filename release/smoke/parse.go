package smoke

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads the smoke.yaml of a repository and reports what is wrong with it, by line.
func Load(repository string) (*Test, error) {
	path := filepath.Join(repository, "smoke.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, t := &file{path: path}, new(Test)
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err = yaml.Unmarshal(content, &f.root); err == nil {
		err = decoder.Decode(t)
	}
	if invalid := new(yaml.TypeError); errors.As(err, &invalid) {
		for _, problem := range invalid.Errors {
			f.problems = append(f.problems, errors.New(path+":"+strings.TrimPrefix(problem, "line ")))
		}
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.checkNulls(&f.root)
	if f.problems == nil {
		f.check(t)
	}
	return t, errors.Join(f.problems...)
}

// A file is what can be said about a smoke.yaml.
type file struct {
	path     string
	root     yaml.Node
	problems []error
}

func (f *file) fail(line int, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %w", f.path, line, fmt.Errorf(format, args...)))
}

// checkNulls reports each key and each element of a list without a value, which would
// pass for an empty string.
func (f *file) checkNulls(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		f.fail(n.Line, "a value is missing")
	}
	for _, child := range n.Content {
		f.checkNulls(child)
	}
}

// line returns the line of the value below some keys and indexes, or the line of the
// mapping that lacks it.
func (f *file) line(steps ...any) int {
	n := f.root.Content[0]
steps:
	for _, step := range steps {
		if index, ok := step.(int); ok {
			n = n.Content[index]
			continue
		}
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				n = n.Content[i+1]
				continue steps
			}
		}
		break
	}
	return n.Line
}

func (f *file) check(t *Test) {
	if t.Server == nil && len(t.Commands) == 0 {
		f.fail(f.line(), "want server or commands")
	}
	if s := t.Server; s != nil {
		if s.Listening == "" {
			f.fail(f.line("server", "listening"), "want the text listening, which precedes the address in the log")
		}
		for i, variable := range s.Environment {
			if !strings.Contains(variable, "=") {
				f.fail(f.line("server", "environment", i), "environment %q, want NAME=VALUE", variable)
			}
		}
		if len(s.Requests) == 0 {
			f.fail(f.line("server", "requests"), "want requests")
		}
		for i, r := range s.Requests {
			if !strings.HasPrefix(r.Path, "/") {
				f.fail(f.line("server", "requests", i, "path"), "path %q, want one that begins with /", r.Path)
			}
			f.checkTexts("body", r.Body, r.Contains, "server", "requests", i)
		}
	}
	for i, c := range t.Commands {
		f.checkTexts("output", c.Output, c.Contains, "commands", i)
	}
}

// checkTexts checks the value of a key, or of contains, in the mapping at some steps.
func (f *file) checkTexts(key string, whole *string, contains []string, steps ...any) {
	if (whole == nil) == (len(contains) == 0) {
		f.fail(f.line(steps...), "want either %s or contains", key)
	}
	check := func(text string, step ...any) {
		if _, err := (placeholders{}).fill(text); err != nil {
			f.fail(f.line(append(steps, step...)...), "%q: %w", text, err)
		}
	}
	if whole != nil {
		check(*whole, key)
	}
	for i, part := range contains {
		check(part, "contains", i)
	}
}
