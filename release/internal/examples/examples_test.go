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
		Commands: []string{"start\nask\n", "stop\n"},
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
	_, err = parse("\n## A\n| x | y |\n|---|---|\n| 1 | 2 |\n", "A")
	must.Fail(t, err, `no test knows the table "x|y"`)
	_, err = parse("\n## A\n| you write | the program gets |\n|---|---|\n| `a` | `b | c` |\n", "A")
	must.Fail(t, err, "a row has 3 cells, want 2")
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

// The table at the top of the page agrees with those below: each of its keys has a row
// that shows it, and an entry point alone drops the image's CMD.
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
				empty := strings.Contains(row.Left, "[]") || strings.Contains(row.Left, `""`)
				if slices.ContainsFunc(spans(cells[1]), used) && !slices.ContainsFunc(spans(cells[2]), used) && !empty &&
					strings.Contains(row.Right, `"a","b","c","d"`) {
					t.Errorf("the section %s: %s keeps CMD", place, row.Left)
				}
			}
		}
	}
}

// uses tells whether a line of a row begins with a key, or a command has a flag.
func uses(row Row, key string) bool {
	return strings.Contains("\n"+row.Left, "\n"+key) || strings.HasPrefix(key, "-") && strings.Contains(row.Left, " "+key+" ")
}
