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
	info := ordered.Object{{"version", version.Version}}
	if version.Commit != "" {
		info = append(info, ordered.Member{"commit", version.Commit}, ordered.Member{"date", version.Date})
	}
	return append(info, ordered.Member{"go", runtime.Version()}, ordered.Member{"platform", runtime.GOOS + "/" + runtime.GOARCH})
}

func versionHandler(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	for _, member := range versionInfo() {
		fmt.Fprintf(&b, "%s %s\n", member.Name, member.Value)
	}
	response.Send(w, http.StatusOK, response.TextPlain, b.String())
}
