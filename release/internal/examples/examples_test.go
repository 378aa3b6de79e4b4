package examples

import (
	"reflect"
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
