package main

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
)

// The release sets these with the linker flag -X.
var (
	version = "devel"
	commit  = "unknown"
	date    = "unknown"
)

func versionFacts() object {
	return object{
		{"version", version},
		{"commit", commit},
		{"date", date},
		{"go", runtime.Version()},
		{"platform", runtime.GOOS + "/" + runtime.GOARCH},
	}
}

func versionHandler(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	for _, fact := range versionFacts() {
		fmt.Fprintf(&b, "%s %s\n", fact.name, fact.value)
	}
	send(w, http.StatusOK, textPlain, b.String())
}
