package must

import (
	"slices"
	"testing"
)

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		name                string
		before, after, want []string
	}{
		{"same", []string{"a\n", "b\n"}, []string{"b\n", "a\n"}, nil},
		{"gone", []string{"a\n", "b\n"}, []string{"b\n"}, []string{"- a"}},
		{"new", []string{"a\n"}, []string{"a\n", "c\n", "b\n"}, []string{"+ b", "+ c"}},
		{"changed", []string{"x = 1\n"}, []string{"x = 2\n"}, []string{"- x = 1", "+ x = 2"}},
		{"twice", []string{"a\n"}, []string{"a\n", "a\n"}, []string{"+ a"}},
	} {
		if got := difference(c.before, c.after); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
