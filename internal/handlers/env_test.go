package handlers_test

import (
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/ordered"
	"argserver/internal/servertest"
)

func TestEnv(t *testing.T) {
	environ := []string{"B_SHOWN=a=b\nc\xff", "A_SHOWN=", "SECRET=s3cret"}
	for _, c := range []struct {
		name       string
		listed     string
		status     int
		text, json string
	}{
		{"nothing listed", "", 403, "", ""},
		{"listed", "B_SHOWN,A_SHOWN,UNSET", 200, "A_SHOWN=\"\"\nB_SHOWN=\"a=b\\nc\\xff\"\n", "{\"A_SHOWN\":\"\",\"B_SHOWN\":\"a=b\\nc\ufffd\"}\n"},
		{"only unset listed", "UNSET", 200, "", "{}\n"},
		{"all", "*", 200, "ARGSERVER_ADDR=\"127.0.0.1:0\"\nARGSERVER_ENV=\"*\"\nA_SHOWN=\"\"\nB_SHOWN=\"a=b\\nc\\xff\"\nSECRET=\"s3cret\"\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := servertest.Serve(t, nil, append(environ, "ARGSERVER_ENV="+c.listed)...)
			text := servertest.Fetch(t, "GET", server.URL+"/env")
			json := servertest.Fetch(t, "GET", server.URL+"/env", "Accept", "application/json")
			if text.Status != c.status || json.Status != c.status {
				t.Fatalf("got %d and %d, want %d", text.Status, json.Status, c.status)
			}
			if c.status == 403 {
				if !strings.Contains(text.Body, "ARGSERVER_ENV=HOME,PATH") {
					t.Errorf("refused with %q, want an example of ARGSERVER_ENV", text.Body)
				}
				return
			}
			if text.Body != c.text || (c.json != "" && json.Body != c.json) {
				t.Errorf("got\n%q\n%q, want\n%q\n%q", text.Body, json.Body, c.text, c.json)
			}
		})
	}
	// Windows has variables without a name for the directory on each drive.
	server := servertest.Serve(t, nil, `=C:=C:\secret`, "ARGSERVER_ENV=*")
	if a := servertest.Fetch(t, "GET", server.URL+"/env"); strings.Contains(a.Body, "secret") {
		t.Errorf("/env shows a variable without a name:\n%s", a.Body)
	}
	for _, path := range []string{"/", "/?format=json", "/?format=html", "/overview"} {
		if a := servertest.Fetch(t, "GET", servertest.Serve(t, nil, append(environ, "ARGSERVER_ENV=SECRET")...).URL+path); strings.Contains(a.Body, "s3cret") {
			t.Errorf("%s shows the environment:\n%s", path, a.Body)
		}
	}
}

// Windows compares names without case and shows them as they were set.
func TestListedVariables(t *testing.T) {
	environ := []string{`Path=C:\bin`, "path=b", "HOME=/", "é=1", `=C:=C:\`, "=::=::\\", "NOVALUE"}
	for _, c := range []struct {
		listed, goos string
		want         string
	}{
		{"PATH", "windows", `{"Path":"C:\\bin","path":"b"}`},
		{"pAtH,home,É", "windows", `{"HOME":"/","Path":"C:\\bin","path":"b","é":"1"}`},
		{"PATH,É", "linux", `{}`},
		{"Path", "linux", `{"Path":"C:\\bin"}`},
		{"Path", "darwin", `{"Path":"C:\\bin"}`},
		{"*", "windows", `{"HOME":"/","NOVALUE":"","Path":"C:\\bin","path":"b","é":"1"}`},
		{"*", "linux", `{"HOME":"/","NOVALUE":"","Path":"C:\\bin","path":"b","é":"1"}`},
	} {
		if got := string(ordered.AppendJSON(nil, handlers.ListedVariables(strings.Split(c.listed, ","), environ, c.goos))); got != c.want {
			t.Errorf("on %s ARGSERVER_ENV=%s shows %s, want %s", c.goos, c.listed, got, c.want)
		}
	}
}
