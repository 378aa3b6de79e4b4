package smoke

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads the smoke.yaml of a repository and reports everything that is wrong
// with it, by line.
func Load(repository string) (*Test, error) {
	path := filepath.Join(repository, "smoke.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if document.Kind == 0 {
		return nil, fmt.Errorf("%s:1: it is empty, want server or commands", path)
	}
	p, t := &parser{path: path}, new(Test)
	root := document.Content[0]
	p.mapping(root, nil, map[string]reader{
		"server": func(n *yaml.Node) { t.server = p.server(n) },
		"commands": func(n *yaml.Node) {
			p.list(n, func(n *yaml.Node) { t.commands = append(t.commands, p.invocation(n)) })
		},
	})
	if t.server == nil && t.commands == nil && p.problems == nil {
		p.fail(root, "it lacks server or commands")
	}
	return t, errors.Join(p.problems...)
}

// A parser reads nodes of YAML. It notes what is wrong and goes on.
type parser struct {
	path     string
	problems []error
}

type reader func(*yaml.Node)

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf("%s:%d: %w", p.path, n.Line, fmt.Errorf(format, args...)))
}

// mapping reads the values of the keys that a mapping has. Each of the required
// alternatives, such as "body or contains", must have exactly one of its keys.
func (p *parser) mapping(n *yaml.Node, required []string, keys map[string]reader) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s, want a mapping with the keys %s", describe(n), list(keys))
		return
	}
	var seen []string
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch read := keys[key.Value]; {
		case read == nil:
			p.fail(key, "unknown key %q, want one of %s", key.Value, list(keys))
		case slices.Contains(seen, key.Value):
			p.fail(key, "a second key %q", key.Value)
		default:
			seen = append(seen, key.Value)
			read(value)
		}
	}
	for _, alternatives := range required {
		found := 0
		for _, key := range strings.Split(alternatives, " or ") {
			if slices.Contains(seen, key) {
				found++
			}
		}
		if found == 0 {
			p.fail(n, "it lacks %s", alternatives)
		}
		if found > 1 {
			p.fail(n, "it has both %s", strings.Replace(alternatives, " or ", " and ", 1))
		}
	}
}

func list(keys map[string]reader) string {
	return strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
}

func (p *parser) server(n *yaml.Node) *server {
	s := new(server)
	p.mapping(n, []string{"listening", "requests"}, map[string]reader{
		"arguments":       p.texts(&s.arguments),
		"image_arguments": p.texts(&s.imageArguments),
		"environment": func(n *yaml.Node) {
			p.texts(&s.environment)(n)
			for i, variable := range s.environment {
				if !strings.Contains(variable, "=") {
					p.fail(n.Content[i], "%q, want NAME=VALUE", variable)
				}
			}
		},
		"listening": p.text(&s.listening),
		"requests": func(n *yaml.Node) {
			p.list(n, func(n *yaml.Node) { s.requests = append(s.requests, p.request(n)) })
		},
		"status": p.status(&s.status),
	})
	return s
}

func (p *parser) request(n *yaml.Node) (r request) {
	p.mapping(n, []string{"path", "body or contains"}, map[string]reader{
		"path": func(n *yaml.Node) {
			if p.text(&r.path)(n); !strings.HasPrefix(r.path, "/") {
				p.fail(n, "path %q, want one that begins with /", r.path)
			}
		},
		"body":     p.whole(&r.body),
		"contains": p.parts(&r.body),
	})
	return r
}

func (p *parser) invocation(n *yaml.Node) (c invocation) {
	p.mapping(n, []string{"output or contains"}, map[string]reader{
		"arguments": p.texts(&c.arguments),
		"output":    p.whole(&c.output),
		"contains":  p.parts(&c.output),
		"status":    p.status(&c.status),
	})
	return c
}

func (p *parser) list(n *yaml.Node, each reader) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.fail(n, "%s, want a list", describe(n))
		return
	}
	for _, element := range n.Content {
		each(element)
	}
}

func (p *parser) texts(texts *[]string) reader {
	return func(n *yaml.Node) {
		*texts = []string{}
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			return // no arguments
		}
		p.list(n, func(n *yaml.Node) {
			var text string
			p.text(&text)(n)
			*texts = append(*texts, text)
		})
	}
}

// text reads a string. A number, for example, must be quoted, because YAML could
// change how it is written.
func (p *parser) text(text *string) reader {
	return func(n *yaml.Node) {
		switch {
		case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
			*text = n.Value
		case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!binary":
			decoded, err := base64.StdEncoding.DecodeString(n.Value)
			if err != nil {
				p.fail(n, "!!binary %q: %w", n.Value, err)
			}
			*text = string(decoded)
		default:
			p.fail(n, "%s, want a string, in quotes if need be", describe(n))
		}
	}
}

func (p *parser) whole(e *expectation) reader {
	return func(n *yaml.Node) {
		e.whole, e.parts = true, make([]string, 1)
		p.text(&e.parts[0])(n)
		p.checkPlaceholders(n, e.parts[0])
	}
}

func (p *parser) parts(e *expectation) reader {
	return func(n *yaml.Node) {
		p.list(n, func(n *yaml.Node) {
			var part string
			p.text(&part)(n)
			p.checkPlaceholders(n, part)
			e.parts = append(e.parts, part)
		})
	}
}

func (p *parser) checkPlaceholders(n *yaml.Node, text string) {
	if _, err := (placeholders{}).fill(text); err != nil {
		p.fail(n, "%q: %w", text, err)
	}
}

func (p *parser) status(status *int) reader {
	return func(n *yaml.Node) {
		var err error
		if *status, err = strconv.Atoi(n.Value); err != nil || *status < 0 || *status > 255 {
			p.fail(n, "%s, want an exit status from 0 to 255", describe(n))
		}
	}
}

// describe names a node in an error.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "an empty list"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}
