package handlers_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"argserver/internal/ordered"
)

// FuzzJSON compares the encoder with encoding/json.
func FuzzJSON(f *testing.F) {
	for _, v := range vectors {
		if len(v.argv) > 1 && len(v.argv) < 100 {
			f.Add(strings.Join(v.argv, " "))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded := ordered.AppendJSON(nil, []string{s, s})
		if !json.Valid(encoded) || bytes.ContainsAny(encoded, "\n\x00") {
			t.Fatalf("not one line of valid JSON: %q", encoded)
		}
		wantJSON(t, string(encoded), []string{s, s})
	})
}
