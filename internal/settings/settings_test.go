package settings_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"argserver/internal/servertest"
	"argserver/internal/settings"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		want    settings.Settings
	}{
		{"none", nil, settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"empty", []string{"ARGSERVER_ADDR=", "PORT=", "ARGSERVER_TLS_CERT=", "ARGSERVER_TLS_KEY=", "ARGSERVER_TLS_CLIENT_CA=",
			"ARGSERVER_ENV=", "ARGSERVER_ECHO=", "ARGSERVER_ACCESS_LOG=", "ARGSERVER_DRAIN=", "ARGSERVER_SHUTDOWN_TIMEOUT="},
			settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"port", []string{"PORT=80"}, settings.Settings{Addr: ":80", ShutdownTimeout: 8 * time.Second}},
		{"address before port", []string{"ARGSERVER_ADDR=[::1]:0", "PORT=http"}, settings.Settings{Addr: "[::1]:0", ShutdownTimeout: 8 * time.Second}},
		{"durations", []string{"ARGSERVER_DRAIN=250ms", "ARGSERVER_SHUTDOWN_TIMEOUT=1m30s"},
			settings.Settings{Addr: ":8080", Drain: 250 * time.Millisecond, ShutdownTimeout: 90 * time.Second}},
		{"access log", []string{"ARGSERVER_ACCESS_LOG=1"}, settings.Settings{Addr: ":8080", AccessLog: "1", ShutdownTimeout: 8 * time.Second}},
		{"access log as JSON", []string{"ARGSERVER_ACCESS_LOG=json"}, settings.Settings{Addr: ":8080", AccessLog: "json", ShutdownTimeout: 8 * time.Second}},
		{"no access log", []string{"ARGSERVER_ACCESS_LOG=0"}, settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"echo", []string{"ARGSERVER_ECHO=1"}, settings.Settings{Addr: ":8080", Echo: true, ShutdownTimeout: 8 * time.Second}},
		{"no echo", []string{"ARGSERVER_ECHO=0"}, settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"variables", []string{"ARGSERVER_ENV=HOME, PATH"}, settings.Settings{Addr: ":8080", Env: []string{"HOME", "PATH"}, ShutdownTimeout: 8 * time.Second}},
		{"all variables", []string{"ARGSERVER_ENV=*"}, settings.Settings{Addr: ":8080", Env: []string{"*"}, ShutdownTimeout: 8 * time.Second}},
		// A Service named argserver makes Kubernetes set these in every pod.
		{"of a Service", []string{"ARGSERVER_PORT=tcp://10.0.0.1:80", "ARGSERVER_SERVICE_HOST=10.0.0.1", "ARGSERVER_PORT_80_TCP_ADDR=10.0.0.1"},
			settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := settings.Parse(c.environ, true)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// An invalidCase is an environment with invalid settings, and parts of the error.
type invalidCase struct {
	environ []string
	says    []string
}

// wantError parses the settings and checks that the error is one line with all parts.
func (c invalidCase) wantError(t *testing.T, readFiles bool) {
	t.Helper()
	if _, err := settings.Parse(c.environ, readFiles); err == nil {
		t.Errorf("accepted with readFiles %v", readFiles)
	} else {
		servertest.WantOneLine(t, err.Error()+"\n", c.says...)
	}
}

// The cases are every way in which a setting can be invalid, except those of
// TestInvalidFiles. The health check, which reads no files, finds the same.
func TestInvalidSettings(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "argserver")
	all := invalidCase{environ: []string{"PORT=x", "ARGSERVER_TLS_CERT=x", "ARGSERVER_ENV=,", "ARGSERVER_ECHO=x", "ARGSERVER_ACCESS_LOG=x", "ARGSERVER_DRAIN=x", "ARGSERVER_SHUTDOWN_TIMEOUT=x"}}
	for _, variable := range all.environ {
		name, value, _ := strings.Cut(variable, "=")
		all.says = append(all.says, name+`="`+value+`": want `)
	}
	for _, c := range []invalidCase{
		all,
		{[]string{"ARGSERVER_ADDR=8080"}, []string{`ARGSERVER_ADDR="8080"`, "host:port"}},
		{[]string{"ARGSERVER_ADDR=::1"}, []string{`ARGSERVER_ADDR="::1"`, "[::1]:8080"}},
		{[]string{"ARGSERVER_ADDR=:"}, []string{`ARGSERVER_ADDR=":"`}},
		{[]string{"ARGSERVER_ADDR=localhost:http"}, []string{`ARGSERVER_ADDR="localhost:http"`, "0 to 65535"}},
		{[]string{"ARGSERVER_ADDR=:65536"}, []string{`ARGSERVER_ADDR=":65536"`}},
		{[]string{"ARGSERVER_ADDR=a\nb"}, []string{`ARGSERVER_ADDR="a\nb"`}},
		{[]string{"PORT=tcp://10.0.0.1:80"}, []string{`PORT="tcp://10.0.0.1:80"`, "0 to 65535"}},
		{[]string{"PORT=-1"}, []string{`PORT="-1"`}},
		{[]string{"PORT= 80"}, []string{`PORT=" 80"`}},
		{[]string{"ARGSERVER_SHUTDOWN_TIMEOUT=8"}, []string{`ARGSERVER_SHUTDOWN_TIMEOUT="8"`, "such as 8s"}},
		{[]string{"ARGSERVER_SHUTDOWN_TIMEOUT=-1s"}, []string{`ARGSERVER_SHUTDOWN_TIMEOUT="-1s"`}},
		{[]string{"ARGSERVER_DRAIN=2"}, []string{`ARGSERVER_DRAIN="2"`, "such as 8s"}},
		{[]string{"ARGSERVER_ACCESS_LOG=yes"}, []string{`ARGSERVER_ACCESS_LOG="yes"`, "want 1"}},
		{[]string{"ARGSERVER_ECHO=true"}, []string{`ARGSERVER_ECHO="true"`, "want 1"}},
		{[]string{"ARGSERVER_ENV=HOME,"}, []string{`ARGSERVER_ENV="HOME,"`, "HOME,PATH"}},
		{[]string{"ARGSERVER_ENV=HOME=x"}, []string{`ARGSERVER_ENV="HOME=x"`}},
		{[]string{"ARGSERVER_ENV=*,HOME"}, []string{`ARGSERVER_ENV="*,HOME"`}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert}, []string{"ARGSERVER_TLS_CERT=", "want ARGSERVER_TLS_KEY set as well"}},
		{[]string{"ARGSERVER_TLS_KEY=" + key}, []string{"ARGSERVER_TLS_KEY=", "want ARGSERVER_TLS_CERT set as well"}},
		{[]string{"ARGSERVER_TLS_CLIENT_CA=" + cert}, []string{"ARGSERVER_TLS_CLIENT_CA=", "ARGSERVER_TLS_KEY set as well"}},
	} {
		t.Run(strings.Join(c.environ, " "), func(t *testing.T) {
			c.wantError(t, true)
			c.wantError(t, false)
		})
	}
}

// The cases are every way in which a file that a setting names can be unusable. The
// health check does not read these files.
func TestInvalidFiles(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "argserver")
	_, otherKey := authority.Issue(t, "argserver")
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("-----BEGIN NOTHING-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []invalidCase{
		{[]string{"ARGSERVER_TLS_CERT=/none", "ARGSERVER_TLS_KEY=" + key}, []string{`ARGSERVER_TLS_CERT="/none"`, "open /none"}},
		{[]string{"ARGSERVER_TLS_CERT=" + notPEM, "ARGSERVER_TLS_KEY=" + key}, []string{"ARGSERVER_TLS_CERT=", "PEM"}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + otherKey}, []string{"ARGSERVER_TLS_KEY=", "does not match"}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + key, "ARGSERVER_TLS_CLIENT_CA=/none"},
			[]string{`ARGSERVER_TLS_CLIENT_CA="/none"`, "open /none"}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + key, "ARGSERVER_TLS_CLIENT_CA=" + notPEM},
			[]string{"ARGSERVER_TLS_CLIENT_CA=", "the file contains no certificate"}},
	} {
		t.Run(strings.Join(c.environ, " "), func(t *testing.T) {
			c.wantError(t, true)
			if _, err := settings.Parse(c.environ, false); err != nil {
				t.Errorf("without reading files: %v", err)
			}
		})
	}
}

// The table in README has exactly the variables that the source reads, and their
// defaults.
func TestSettingsInDocuments(t *testing.T) {
	source, err := os.ReadFile("settings.go")
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, match := range regexp.MustCompile(`(?:variables\[|duration\()"(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		read = append(read, match[1])
	}
	slices.Sort(read)
	read = slices.Compact(read)

	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	none, err := settings.Parse(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{"ARGSERVER_ADDR": none.Addr, "ARGSERVER_ECHO": "0", "ARGSERVER_ACCESS_LOG": "0",
		"ARGSERVER_DRAIN": none.Drain.String(), "ARGSERVER_SHUTDOWN_TIMEOUT": none.ShutdownTimeout.String()}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (?:`(.*?)` )?\\|").FindAllStringSubmatch(string(readme), -1) {
		documented = append(documented, row[1])
		if row[2] != defaults[row[1]] {
			t.Errorf("README says that the default of %s is %q, want %q", row[1], row[2], defaults[row[1]])
		}
	}
	slices.Sort(documented)
	if !slices.Equal(documented, read) {
		t.Errorf("README documents %q, want the settings %q", documented, read)
	}
}
