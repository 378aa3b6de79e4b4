package handlers

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"argserver/internal/ordered"
	"argserver/internal/response"
	"argserver/internal/version"
)

func versionInfo() ordered.Object {
	return ordered.Object{
		{"version", version.Version},
		{"commit", version.Commit},
		{"date", version.Date},
		{"go", runtime.Version()},
		{"platform", runtime.GOOS + "/" + runtime.GOARCH},
	}
}

func versionHandler(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	for _, member := range versionInfo() {
		fmt.Fprintf(&b, "%s %s\n", member.Name, member.Value)
	}
	response.Send(w, http.StatusOK, response.TextPlain, b.String())
}
