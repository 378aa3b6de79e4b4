package ordered_test

import (
	"testing"

	"argserver/internal/ordered"
)

func TestAppendJSON(t *testing.T) {
	value := ordered.Object{{"text", "a"}, {"number", int64(-1)}, {"fraction", 0.5}, {"none", nil}, {"list", []string{"b", "c"}}, {"empty list", []string(nil)},
		{"object", ordered.Object{{"<&>\u2028\"", "d"}}}, {"empty object", ordered.Object(nil)}}
	const want = `{"text":"a","number":-1,"fraction":0.5,"none":null,"list":["b","c"],"empty list":[],"object":{"<&>\u2028\"":"d"},"empty object":{}}`
	if got := string(ordered.AppendJSON(nil, value)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// JSON is safe on a terminal and stays one line: U+009B, for example, begins a control
// sequence as ESC [ does, U+202E turns the text around, and U+2028 ends a line.
func TestJSONControlCharacters(t *testing.T) {
	const want = `"\u0000\u001b \n~\u007f\u0080\u009b\u009f\u00a0\u2028\u202eé�😀"`
	if got := string(ordered.AppendJSON(nil, "\x00\x1b \n~\x7f\u0080\u009b\u009f\u00a0\u2028\u202eé\xff😀")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An unknown type is a fault of the program.
func TestJSONUnknownType(t *testing.T) {
	for _, value := range []any{int(1), true, []int{1}, ordered.Object{{"a", []any{}}}, map[string]string{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T is written, want a panic", value)
				}
			}()
			ordered.AppendJSON(nil, value)
		}()
	}
}
