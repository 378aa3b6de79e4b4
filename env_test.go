package main

import (
	"strings"
	"testing"
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
			server := serveTest(t, nil, append(environ, "ARGSERVER_ENV="+c.listed)...)
			text := fetch(t, "GET", server.url+"/env")
			json := fetch(t, "GET", server.url+"/env", "Accept", "application/json")
			if text.status != c.status || json.status != c.status {
				t.Fatalf("got %d and %d, want %d", text.status, json.status, c.status)
			}
			if c.status == 403 {
				if !strings.Contains(text.body, "ARGSERVER_ENV=HOME,PATH") {
					t.Errorf("refused with %q, want an example of ARGSERVER_ENV", text.body)
				}
				return
			}
			if text.body != c.text || (c.json != "" && json.body != c.json) {
				t.Errorf("got\n%q\n%q, want\n%q\n%q", text.body, json.body, c.text, c.json)
			}
		})
	}
	// Windows has variables without a name for the directory on each drive.
	server := serveTest(t, nil, `=C:=C:\secret`, "ARGSERVER_ENV=*")
	if a := fetch(t, "GET", server.url+"/env"); strings.Contains(a.body, "secret") {
		t.Errorf("/env shows a variable without a name:\n%s", a.body)
	}
	for _, path := range []string{"/", "/?format=json", "/?format=html", "/overview"} {
		if a := fetch(t, "GET", serveTest(t, nil, append(environ, "ARGSERVER_ENV=SECRET")...).url+path); strings.Contains(a.body, "s3cret") {
			t.Errorf("%s shows the environment:\n%s", path, a.body)
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
		if got := string(appendJSON(nil, listedVariables(strings.Split(c.listed, ","), environ, c.goos))); got != c.want {
			t.Errorf("on %s ARGSERVER_ENV=%s shows %s, want %s", c.goos, c.listed, got, c.want)
		}
	}
}
