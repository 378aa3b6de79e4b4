package servertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An invalidCase is an environment with invalid settings, and parts of the error.
type invalidCase struct {
	Environ []string
	Says    []string
}

// InvalidSettings returns a case for every way in which a setting can be invalid,
// except those of invalidFiles.
func InvalidSettings(t *testing.T) []invalidCase {
	authority := NewAuthority(t)
	cert, key := authority.Issue(t, "argserver")
	all := invalidCase{Environ: []string{"PORT=x", "ARGSERVER_TLS_CERT=x", "ARGSERVER_ENV=,", "ARGSERVER_ECHO=x", "ARGSERVER_ACCESS_LOG=x", "ARGSERVER_DRAIN=x", "ARGSERVER_SHUTDOWN_TIMEOUT=x"}}
	for _, variable := range all.Environ {
		name, value, _ := strings.Cut(variable, "=")
		all.Says = append(all.Says, name+`="`+value+`": want `)
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

// InvalidFiles returns a case for every way in which a file that a setting names can
// be unusable. The probe does not read these files.
func InvalidFiles(t *testing.T) []invalidCase {
	authority := NewAuthority(t)
	cert, key := authority.Issue(t, "argserver")
	_, otherKey := authority.Issue(t, "argserver")
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
