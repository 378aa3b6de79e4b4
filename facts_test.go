package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestAppendJSON(t *testing.T) {
	value := object{{"text", "a"}, {"number", int64(-1)}, {"fraction", 0.5}, {"none", nil}, {"list", []string{"b", "c"}}, {"empty list", []string(nil)},
		{"object", object{{"<&>\u2028\"", "d"}}}, {"empty object", object(nil)}}
	const want = `{"text":"a","number":-1,"fraction":0.5,"none":null,"list":["b","c"],"empty list":[],"object":{"<&>` + "\u2028" + `\"":"d"},"empty object":{}}`
	if got := string(appendJSON(nil, value)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzJSON compares the encoder with encoding/json.
func FuzzJSON(f *testing.F) {
	for _, v := range vectors {
		if len(v.argv) > 1 && len(v.argv) < 100 {
			f.Add(strings.Join(v.argv, " "))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded := appendJSON(nil, []string{s, s})
		if !json.Valid(encoded) || bytes.ContainsAny(encoded, "\n\x00") {
			t.Fatalf("not one line of valid JSON: %q", encoded)
		}
		wantJSON(t, string(encoded), []string{s, s})
	})
}
