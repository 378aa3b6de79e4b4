package main

import (
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// This program holds a token that may write, so it links nothing that was made
// for tests and no parser of files that others made.
func TestDependencies(t *testing.T) {
	dependencies := strings.Fields(must.Run(t, ".", "go", "list", "-deps", "."))
	if !slices.Contains(dependencies, "net/http") {
		t.Fatalf("go list -deps names %d packages, but not net/http", len(dependencies))
	}
	for _, forbidden := range []string{
		"testing", "net/http/httptest", "argserver/release/standin", "argserver/release/internal/must",
		"debug/elf", "debug/pe", "debug/macho", "debug/buildinfo",
	} {
		if slices.Contains(dependencies, forbidden) {
			t.Errorf("publish links %s", forbidden)
		}
	}
}
