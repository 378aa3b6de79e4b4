package examples

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

const page = "# Examples\n\n## A\n\nText with `code`.\n\n```sh\nstart\nask\n```\n\n" +
	"| you write | the program gets |\n|---|---|\n| `a: [\"x y\"]`<br>`b: c` | `[\"x y\"]` |\n| `` `a` \\| b `` | `refused`, as `x` says |\n\n" +
	"| mistake | what you see |\n|---|---|\n| a port in use | `address in use` |\n\n```sh\nstop\n```\n\n## B\n\n```sh\nother\n```\n"

func TestParse(t *testing.T) {
	got, err := parse(page, "A")
	want := Section{
		Start: "start\nask\n",
		Stop:  "stop\n",
		Arguments: []Row{
			{"a: [\"x y\"]\nb: c", `["x y"]`, "`a: [\"x y\"]`<br>`b: c`"},
			{"`a` | b", "refused", "`` `a` \\| b ``"},
		},
		Mistakes: []Row{{"a port in use", "address in use", "a port in use"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	_, err = parse(page, "C")
	must.Fail(t, err, `no section "C"`)
	_, err = parse(page, "B")
	must.Fail(t, err, "1 blocks of commands, want one that starts the example and one that stops it")
	for table, want := range map[string]string{
		"| x | y |\n|---|---|\n| 1 | 2 |":                                `no test knows the table "x|y"`,
		"| you write | the program gets |\n|---|---|\n| `a` | `b | c` |": "want a row like | a | b |, not | `a` | `b | c` |",
		"| you write | the program gets |\n|---|---|\n|`a`|`b`|":         "want a row like | a | b |, not |`a`|`b`|",
		"| you write | the program gets |\n|---|---|\n| `a` |  |":        "want a row like | a | b |, not | `a` |  |",
	} {
		_, err = parse(strings.Replace(page, "Text with", table+"\n\nText with", 1), "A")
		must.Fail(t, err, want)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		want, got string
		match     bool
	}{
		{`["a", "b"]`, `["a","b"]` + "\n", true},
		{`["a","b"]`, `["a b"]`, false},
		{`["a"]`, "error: [\"a\"]", false},
		{"address in use", "Error: Address in use\n", true},
		{"address in use", "Error", false},
	} {
		if matches(c.want, c.got) != c.match {
			t.Errorf("%q matches %q: %v, want %v", c.want, c.got, !c.match, c.match)
		}
	}
}

// kind starts the release of Kubernetes that the test builds where there is no cluster.
func TestKind(t *testing.T) {
	version := must.Run(t, "../../examples/kubernetes/components", "go", "list", "-m", "-f={{ .Version }}", "k8s.io/kubernetes")
	if workflow := must.Read(t, "../../../.github/workflows/ci.yml"); strings.Count(workflow, "kindest/node:") != 1 || !strings.Contains(workflow, "kindest/node:"+version+"@sha256:") {
		t.Errorf("ci.yml starts another version of kindest/node than %s", version)
	}
}

// The table at the top of the page agrees with those below: each of its keys has a row
// that shows it. What replaces ENTRYPOINT names the program, and drops CMD if it is
// alone; what replaces CMD does not name the program.
func TestOverview(t *testing.T) {
	page := must.Read(t, "../../../examples/README.md")
	_, table, _ := strings.Cut(page, "\n| | replaces ENTRYPOINT | replaces CMD |\n|---|---|---|\n")
	table, _, found := strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("the page has no table of keys")
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		for place := range strings.SplitSeq(cells[0], ", ") {
			section, err := parse(page, place)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range append(spans(cells[1]), spans(cells[2])...) {
				if !slices.ContainsFunc(section.Arguments, func(r Row) bool { return uses(r, key) }) {
					t.Errorf("the section %s has no row with %s", place, key)
				}
			}
			for _, row := range section.Arguments {
				used := func(key string) bool { return uses(row, key) }
				entryPoint, command := slices.ContainsFunc(spans(cells[1]), used), slices.ContainsFunc(spans(cells[2]), used)
				isEmpty := strings.Contains(row.Left, "[]") || strings.Contains(row.Left, `""`)
				if !strings.HasPrefix(row.Right, "[") || isEmpty {
					continue
				}
				if names := strings.Contains(row.Left, "/argserver"); names != entryPoint {
					t.Errorf("the section %s: the row %s names the program: %v, want %v", place, row.Left, names, entryPoint)
				}
				if entryPoint && !command && strings.Contains(row.Right, `"a","b","c","d"`) {
					t.Errorf("the section %s: the row %s keeps CMD", place, row.Left)
				}
			}
		}
	}
}

// uses tells whether a line of a row begins with a key, or a command has a flag.
func uses(row Row, key string) bool {
	return strings.Contains("\n"+row.Left, "\n"+key) || strings.HasPrefix(key, "-") && strings.Contains(row.Left, " "+key+" ")
}
