package main

import (
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// This program holds a token that may write. It links none of the rooms that run
// or judge what others made, nothing made for tests, and no parser of binaries.
func TestDependencies(t *testing.T) {
	allowed := []string{"publish", "tags", "internal/download", "internal/patiently", "internal/registry"}
	dependencies := strings.Fields(must.Run(t, ".", "go", "list", "-deps", "."))
	if !slices.Contains(dependencies, "net/http") {
		t.Fatalf("go list -deps names %d packages, but not net/http", len(dependencies))
	}
	for _, dependency := range dependencies {
		own, isOwn := strings.CutPrefix(dependency, "argserver/release/")
		if isOwn && !slices.Contains(allowed, own) ||
			strings.HasPrefix(dependency, "debug/") || strings.HasPrefix(dependency, "testing") || dependency == "net/http/httptest" {
			t.Errorf("publish links %s", dependency)
		}
	}
}
