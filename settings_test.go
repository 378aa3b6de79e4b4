package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		want    settings
	}{
		{"none", nil, settings{addr: ":8080", shutdownTimeout: 8 * time.Second}},
		{"empty", []string{"ARGSERVER_ADDR=", "PORT=", "ARGSERVER_TLS_CERT=", "ARGSERVER_TLS_KEY=", "ARGSERVER_TLS_CLIENT_CA=",
			"ARGSERVER_ENV=", "ARGSERVER_ECHO=", "ARGSERVER_ACCESS_LOG=", "ARGSERVER_DRAIN=", "ARGSERVER_SHUTDOWN_TIMEOUT="},
			settings{addr: ":8080", shutdownTimeout: 8 * time.Second}},
		{"port", []string{"PORT=80"}, settings{addr: ":80", shutdownTimeout: 8 * time.Second}},
		{"address before port", []string{"ARGSERVER_ADDR=[::1]:0", "PORT=http"}, settings{addr: "[::1]:0", shutdownTimeout: 8 * time.Second}},
		{"durations", []string{"ARGSERVER_DRAIN=250ms", "ARGSERVER_SHUTDOWN_TIMEOUT=1m30s"},
			settings{addr: ":8080", drain: 250 * time.Millisecond, shutdownTimeout: 90 * time.Second}},
		{"access log", []string{"ARGSERVER_ACCESS_LOG=1"}, settings{addr: ":8080", accessLog: "1", shutdownTimeout: 8 * time.Second}},
		{"access log as JSON", []string{"ARGSERVER_ACCESS_LOG=json"}, settings{addr: ":8080", accessLog: "json", shutdownTimeout: 8 * time.Second}},
		{"no access log", []string{"ARGSERVER_ACCESS_LOG=0"}, settings{addr: ":8080", shutdownTimeout: 8 * time.Second}},
		{"echo", []string{"ARGSERVER_ECHO=1"}, settings{addr: ":8080", echo: true, shutdownTimeout: 8 * time.Second}},
		{"no echo", []string{"ARGSERVER_ECHO=0"}, settings{addr: ":8080", shutdownTimeout: 8 * time.Second}},
		{"variables", []string{"ARGSERVER_ENV=HOME, PATH"}, settings{addr: ":8080", env: []string{"HOME", "PATH"}, shutdownTimeout: 8 * time.Second}},
		{"all variables", []string{"ARGSERVER_ENV=*"}, settings{addr: ":8080", env: []string{"*"}, shutdownTimeout: 8 * time.Second}},
		// A Service named argserver makes Kubernetes set these in every pod.
		{"of a Service", []string{"ARGSERVER_PORT=tcp://10.0.0.1:80", "ARGSERVER_SERVICE_HOST=10.0.0.1", "ARGSERVER_PORT_80_TCP_ADDR=10.0.0.1"},
			settings{addr: ":8080", shutdownTimeout: 8 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseSettings(c.environ, true)
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

// invalidSettings returns a case for every way in which a setting can be invalid,
// except those of invalidFiles.
func invalidSettings(t *testing.T) []invalidCase {
	authority := newAuthority(t)
	cert, key := authority.issue(t, "argserver")
	all := invalidCase{environ: []string{"PORT=x", "ARGSERVER_TLS_CERT=x", "ARGSERVER_ENV=,", "ARGSERVER_ECHO=x", "ARGSERVER_ACCESS_LOG=x", "ARGSERVER_DRAIN=x", "ARGSERVER_SHUTDOWN_TIMEOUT=x"}}
	for _, variable := range all.environ {
		name, value, _ := strings.Cut(variable, "=")
		all.says = append(all.says, name+`="`+value+`": want `)
	}
	return []invalidCase{
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
	}
}

// invalidFiles returns a case for every way in which a file that a setting names can
// be unusable. The probe does not read these files.
func invalidFiles(t *testing.T) []invalidCase {
	authority := newAuthority(t)
	cert, key := authority.issue(t, "argserver")
	_, otherKey := authority.issue(t, "argserver")
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("-----BEGIN NOTHING-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []invalidCase{
		{[]string{"ARGSERVER_TLS_CERT=/none", "ARGSERVER_TLS_KEY=" + key}, []string{`ARGSERVER_TLS_CERT="/none"`, "open /none"}},
		{[]string{"ARGSERVER_TLS_CERT=" + notPEM, "ARGSERVER_TLS_KEY=" + key}, []string{"ARGSERVER_TLS_CERT=", "PEM"}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + otherKey}, []string{"ARGSERVER_TLS_KEY=", "does not match"}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + key, "ARGSERVER_TLS_CLIENT_CA=/none"},
			[]string{`ARGSERVER_TLS_CLIENT_CA="/none"`, "open /none"}},
		{[]string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + key, "ARGSERVER_TLS_CLIENT_CA=" + notPEM},
			[]string{"ARGSERVER_TLS_CLIENT_CA=", "the file contains no certificate"}},
	}
}
