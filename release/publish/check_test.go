package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/must"
	"argserver/release/internal/patiently"
)

// The registry refuses the start of an upload as GHCR does. Each refusal is followed
// by what to do, if and only if that is known. A check that passes deletes the draft of
// an earlier run.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		message string
		want    string
		advice  string
	}{
		{"good", 202, "", "", ""},
		{"left over", 403, "permission_denied: write_package", "permission_denied: write_package", "exists, perhaps left over from a deleted repository or fork"},
		{"organisation", 403, "installation not allowed to Create organization package", "not allowed to Create",
			"an owner allows it at https://github.com/organizations/owner/settings/packages"},
		{"another refusal", 403, "permission_denied: The token provided does not match expected scopes.", "does not match expected scopes", ""},
		{"no log-in", 401, "authentication required", "authentication required", ""},
		{"bad request about a write_package", 400, "write_package", "write_package", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			gitHub, releases := startReleases(t)
			create(t, releases, "v1.2.3", true, signed...)
			gitHub.Settle()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/v2/":
				case r.Method != http.MethodPost:
					http.NotFound(w, r)
				case c.status == 202:
					w.Header().Set("Location", "/v2/owner/name/blobs/uploads/1")
					w.WriteHeader(202)
				default:
					w.WriteHeader(c.status)
					fmt.Fprintf(w, `{"errors": [{"code": "DENIED", "message": %q}]}`, c.message)
				}
			}))
			defer server.Close()
			err := check(t.Context(), releases, "v1.2.3", strings.TrimPrefix(server.URL, "http://")+"/owner/name")
			must.Fail(t, err, c.want)
			if c.advice != "" {
				must.Fail(t, err, c.advice)
			}
			if err != nil && c.advice == "" && strings.Contains(err.Error(), "run the failed jobs again") {
				t.Errorf("the error %v gives advice, want none", err)
			}
			if got := len(gitHub.Releases()); err == nil && got != 0 || err != nil && got != 1 {
				t.Errorf("there are %d releases after %v, want the old draft to be deleted only by a check that passes", got, err)
			}
		})
	}
}

// GitHub may list a draft for a while after it was deleted.
func TestDiscard(t *testing.T) {
	for _, c := range []struct {
		waits []time.Duration
		fails string
	}{
		{[]time.Duration{0}, ""},
		{nil, "GitHub still lists the draft of the tag v1.2.3"},
	} {
		gitHub, releases := startReleases(t)
		create(t, releases, "v1.2.3", true, signed...)
		gitHub.Settle()
		draft, _, err := releases.find(t.Context(), "v1.2.3")
		must.Fail(t, err, "")
		patiently.Waits = c.waits
		must.Fail(t, releases.discard(t.Context(), draft), c.fails)
		if got := gitHub.Releases(); len(got) != 0 {
			t.Errorf("the releases are %v, want none", got)
		}
	}
}
