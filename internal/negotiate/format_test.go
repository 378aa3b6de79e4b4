package negotiate_test

import (
	"testing"

	"argserver/internal/servertest"
)

func TestChooseFormat(t *testing.T) {
	server := servertest.Serve(t, []string{"/argserver", "a"})
	const (
		text  = "text/plain; charset=utf-8"
		page  = "text/html; charset=utf-8"
		json  = "application/json"
		bytes = "application/octet-stream"
	)
	for _, c := range []struct {
		path, accept string
		status       int
		contentType  string
	}{
		{"/args", "", 200, text},
		{"/args", "*/*", 200, text},
		{"/args", "application/json", 200, json},
		{"/args", "Application/JSON; charset=utf-8", 200, json},
		{"/args", "application/json, text/plain, */*", 200, json},
		{"/args", "text/plain;q=0.9, application/json", 200, json},
		{"/args", "application/json;q=0.50,text/plain;q=0.501", 200, text},
		{"/args", "application/json;q=0, */*;q=0.1", 200, text},
		{"/args", "application/json;q=0.0", 200, text},
		{"/args", "image/png", 200, text},
		{"/args", ",;,q=,;q=", 200, text},
		{"/args", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200, text},
		{"/args?format=text", "application/json", 200, text},
		{"/args?format=json", "text/plain", 200, json},
		{"/args?format=shell", "application/json", 200, text},
		{"/args?format=nul", "application/json", 200, bytes},
		{"/args?format=html", "", 400, text},
		{"/args?format=", "", 400, text},
		{"/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200, page},
		{"/", "application/json", 200, json},
		{"/", "*/*", 200, text},
		{"/?format=html", "", 200, page},
		{"/?format=nul", "", 400, text},
		{"/request", "application/json", 200, json},
		{"/request?format=xml", "", 400, text},
	} {
		t.Run(c.path+" "+c.accept, func(t *testing.T) {
			a := servertest.Fetch(t, "GET", server.URL+c.path, "Accept", c.accept)
			if a.Status != c.status || a.Header.Get("Content-Type") != c.contentType {
				t.Errorf("got %d %s, want %d %s", a.Status, a.Header.Get("Content-Type"), c.status, c.contentType)
			}
			if got := a.Header.Get("Vary"); got != "Accept" {
				t.Errorf("Vary = %q, want Accept", got)
			}
			if a.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("X-Content-Type-Options is missing, want nosniff")
			}
		})
	}
	if got, want := servertest.Fetch(t, "GET", server.URL+"/args?format=xml").Body, "format=\"xml\": want one of text, json, shell, nul\n"; got != want {
		t.Errorf("for an unknown format got %q, want %q", got, want)
	}
}
