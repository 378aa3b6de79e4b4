package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

var hostileArgv = []string{"/argserver", "", "a b", "<script>alert(1)</script>", "</table>&amp;\"'", "\xff\n\x1b[31m"}

func TestOverview(t *testing.T) {
	server := serveTest(t, hostileArgv)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}

	text := fetch(t, "GET", server.url+"/").body
	for _, want := range []string{
		"arguments\n  0                \"/argserver\"\n  1                \"\"\n  2                \"a b\"\n",
		`  5                "\xff\n\x1b[31m"` + "\n",
		"\n  user  ", "\n  group  ", "\n  directory  ", "\n  addresses        127.0.0.1/8", "\n  uptime           0s\n",
		"\n  cpus  ", "\n  memory  ",
		"\n  host             " + host + "\n",
		"\n  version          devel\n",
		"\n  method           GET\n", "\n  User-Agent       Go-http-client/1.1\n",
		"\n  /args/N          the bytes of argument N\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the overview lacks %q:\n%s", want, text)
		}
	}

	var facts struct {
		Arguments []string
		Process   struct {
			User, Group             *int
			Directory, Host, Uptime string
			Addresses               []string
		}
		Limits  map[string]any
		Version map[string]string
		Request struct {
			Method  string
			Headers map[string][]string
		}
	}
	decoder := json.NewDecoder(strings.NewReader(fetch(t, "GET", server.url+"/", "Accept", "application/json").body))
	if err := decoder.Decode(&facts); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(hostileArgv)
	want[5] = "\ufffd\n\x1b[31m"
	if !slices.Equal(facts.Arguments, want) {
		t.Errorf("arguments are %q, want %q", facts.Arguments, want)
	}
	if facts.Process.User == nil || *facts.Process.User != os.Getuid() || facts.Process.Host != host || facts.Process.Uptime != "0s" ||
		facts.Version["version"] != "devel" || facts.Request.Method != "GET" || facts.Request.Headers["Accept"][0] != "application/json" {
		t.Errorf("got %+v", facts)
	}
}
