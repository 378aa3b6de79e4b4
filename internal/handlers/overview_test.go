package handlers_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/ordered"
	"argserver/internal/servertest"
)

var hostileArgv = []string{"/argserver", "", "a b", "<script>alert(1)</script>", "</table>&amp;\"'", "\xff\n\x1b[31m"}

func TestOverview(t *testing.T) {
	server := servertest.Serve(t, hostileArgv)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}

	text := servertest.Fetch(t, "GET", server.URL+"/").Body
	for _, want := range []string{
		"arguments\n  0                            \"/argserver\"\n  1                            \"\"\n  2                            \"a b\"\n",
		`  5                            "\xff\n\x1b[31m"` + "\n",
		"\n  directory  ", "\n  addresses                    127.0.0.1/8", "\n  uptime                       0s\n",
		"\n  cpus  ", "\n  memory  ",
		"\n  host                         " + host + "\n",
		"\n  version                      devel\n",
		"\n  method                       GET\n", "\n  header User-Agent            Go-http-client/1.1\n",
		"\n  /args/N                      the bytes of argument N\n",
		"\noff\n  ARGSERVER_ECHO=1             the request at every path without an endpoint, WebSockets, ?header\n  ARGSERVER_ENV=HOME,PATH      these environment variables\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the overview lacks %q:\n%s", want, text)
		}
	}

	var overview struct {
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
	decoder := json.NewDecoder(strings.NewReader(servertest.Fetch(t, "GET", server.URL+"/", "Accept", "application/json").Body))
	if err := decoder.Decode(&overview); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(hostileArgv)
	want[5] = "\ufffd\n\x1b[31m"
	if !slices.Equal(overview.Arguments, want) {
		t.Errorf("arguments are %q, want %q", overview.Arguments, want)
	}
	if os.Getuid() >= 0 && (overview.Process.User == nil || *overview.Process.User != os.Getuid() || !strings.Contains(text, "\n  user  ") || !strings.Contains(text, "\n  group  ")) {
		t.Errorf("the user is missing in %+v or in the text:\n%s", overview, text)
	}
	if overview.Process.Host != host || overview.Process.Uptime != "0s" ||
		overview.Version["version"] != "devel" || overview.Request.Method != "GET" || overview.Request.Headers["Accept"][0] != "application/json" {
		t.Errorf("got %+v", overview)
	}
}

// What is on is not listed as off.
func TestOverviewOff(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_ECHO=1", "ARGSERVER_ENV=HOME", "ARGSERVER_ACCESS_LOG=json")
	text := servertest.Fetch(t, "GET", server.URL+"/overview").Body
	if want := "\noff\n  ARGSERVER_TLS_CERT, _KEY     TLS\n"; !strings.HasSuffix(text, want) {
		t.Errorf("the overview ends with %q, want %q", text[max(0, len(text)-100):], want)
	}
}

// A header is named as one, so that no client can forge a fact.
func TestOverviewHeaders(t *testing.T) {
	server := servertest.Serve(t, []string{"/argserver"})
	get := func(query string) string {
		return servertest.Fetch(t, "GET", server.URL+"/"+query, "Remote", "203.0.113.1:1", "Tls", "TLS 1.3", "User", "0", "Host-Name", "forged").Body
	}
	text := get("")
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name = strings.ToLower(name); {
		case name == "remote" && !strings.HasPrefix(strings.TrimSpace(value), "127.0.0.1:"), name == "tls", name == "host-name":
			t.Errorf("a header forges the fact %q", line)
		}
	}
	for _, want := range []string{"  header Remote                203.0.113.1:1\n", "  header Tls                   TLS 1.3\n", "  remote                       127.0.0.1:"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("the overview lacks %q:\n%s", want, text)
		}
	}
	page := get("?format=html")
	for _, want := range []string{"<th>header Remote<td>203.0.113.1:1\n", "<th>header Tls<td>TLS 1.3\n", "<th>remote<td>127.0.0.1:"} {
		if strings.Count(page, want) != 1 {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	var overview struct {
		Request struct {
			Remote  string
			Headers map[string][]string
		}
	}
	if err := json.Unmarshal([]byte(get("?format=json")), &overview); err != nil {
		t.Fatal(err)
	}
	if got := overview.Request; !strings.HasPrefix(got.Remote, "127.0.0.1:") || got.Headers["Remote"][0] != "203.0.113.1:1" {
		t.Errorf("JSON has %+v", got)
	}
}

// Windows has no numbers for users and groups, which Go reports as -1.
func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		user, group int
		want        string
	}{
		{65532, 65533, `{"user":65532,"group":65533}`},
		{0, 0, `{"user":0,"group":0}`},
		{-1, -1, `{}`},
	} {
		if got := string(ordered.AppendJSON(nil, handlers.Identity(c.user, c.group))); got != c.want {
			t.Errorf("user %d and group %d give %s, want %s", c.user, c.group, got, c.want)
		}
	}
}
