package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestAccessLog(t *testing.T) {
	var access lockedBuffer
	server := serveTestTo(t, &access, []string{"/argserver", "s3cret"}, "ARGSERVER_ACCESS_LOG=1")
	for _, c := range []struct {
		method, target string
		want           string // between the remote address and the duration
	}{
		{"GET", "/args", `GET "/args" 200 20`},
		{"HEAD", "/args?token=x", `HEAD "/args" 200 0`},
		{"POST", "/args", `POST "/args" 405 19`},
		{"GET", "/request?status=204", `GET "/request" 204 0`},
		{"GET", "/%0aforged%1b%22%ff", `GET "/\nforged\x1b\"\xff" 404 37`},
		{"GET", "/request?wait=20ms&status=503&format=json", `GET "/request" 503 `},
	} {
		before := access.String()
		fetch(t, c.method, server.url+c.target)
		var line string
		for line == "" { // the server logs after it has answered
			line = strings.TrimPrefix(access.String(), before)
		}
		want := regexp.MustCompile(`^127\.0\.0\.1:\d+ ` + regexp.QuoteMeta(c.want) + `.*[0-9](ns|µs|ms|s)\n$`)
		if !want.MatchString(line) {
			t.Errorf("%s %s logged %q, want %s", c.method, c.target, line, want)
		}
	}
	if strings.Contains(access.String(), "s3cret") {
		t.Errorf("the access log shows an argument: %s", access.String())
	}

	quiet := new(lockedBuffer)
	fetch(t, "GET", serveTestTo(t, quiet, nil).url+"/args")
	if got := quiet.String(); got != "" {
		t.Errorf("got an access log without the setting: %q", got)
	}
}
