package probe_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/probe"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

func TestProbe(t *testing.T) {
	healthy := handlers.Routes(nil, nil, settings.Settings{}, nil)
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)

	garbled := servertest.Listen(t)
	go func() {
		for {
			conn, err := garbled.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "SSH-2.0-OpenSSH\r\n")
			conn.Close()
		}
	}()
	closed := servertest.Listen(t)
	closed.Close()

	for _, c := range []struct {
		name    string
		setting string
		handler http.Handler
		status  int
		says    string
	}{
		{"healthy", "ARGSERVER_ADDR=" + addr, healthy, 0, "healthy"},
		{"any host", "ARGSERVER_ADDR=0.0.0.0:" + port, healthy, 0, "healthy"},
		{"any IPv6 host", "ARGSERVER_ADDR=[::]:" + port, healthy, 0, "healthy"},
		{"port alone", "PORT=" + port, healthy, 0, "healthy"},
		{"unhealthy", "PORT=" + port, http.NotFoundHandler(), 1, "responded with 404, want 200"},
		{"endless header", "PORT=" + port, endlessHeader{}, 1, "no HTTP response from"},
		{"not HTTP", "ARGSERVER_ADDR=" + garbled.Addr().String(), nil, 1, "want the settings of the server"},
		{"nobody there", "ARGSERVER_ADDR=" + closed.Addr().String(), nil, 1, "connection refused; want the settings of the server, such as its PORT"},
		{"chosen port", "PORT=0", nil, 1, `address ":0": want a fixed port`},
		{"chosen port with zeros", "ARGSERVER_ADDR=127.0.0.1:00", nil, 1, `address "127.0.0.1:00": want a fixed port`},
		{"fixed port with zeros", "ARGSERVER_ADDR=127.0.0.1:00" + port, healthy, 0, "healthy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler = c.handler
			var log strings.Builder
			if status := probe.Run([]string{c.setting}, net.DialTimeout, &log); status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			servertest.WantOneLine(t, log.String(), c.says)
		})
	}
}

func TestIsHealthCheck(t *testing.T) {
	for _, c := range []struct {
		argv0, goos string
		want        bool
	}{
		{"healthcheck", "linux", true},
		{"/healthcheck", "linux", true},
		{"./bin/healthcheck", "darwin", true},
		{"", "linux", false},
		{"/", "linux", false},
		{"/argserver", "linux", false},
		{"/healthcheck/argserver", "linux", false},
		{"xhealthcheck", "linux", false},
		{"healthcheck.exe", "linux", false},
		{"HealthCheck", "linux", false},
		{`a\healthcheck`, "linux", false},
		{"healthcheck", "windows", true},
		{"healthcheck.exe", "windows", true},
		{"HealthCheck.EXE", "windows", true},
		{"HEALTHCHECK", "windows", true},
		{`C:\Program Files\argserver\healthcheck.exe`, "windows", true},
		{"C:/argserver/Healthcheck.exe", "windows", true},
		{"C:healthcheck.exe", "windows", true},
		{`C:\healthcheck\argserver.exe`, "windows", false},
		{"argserver.exe", "windows", false},
		{"healthcheck.exe.exe", "windows", false},
		{"healthcheck.com", "windows", false},
		{"", "windows", false},
	} {
		if got := probe.IsHealthCheck(c.argv0, c.goos); got != c.want {
			t.Errorf("on %s isHealthCheck(%q) = %v, want %v", c.goos, c.argv0, got, c.want)
		}
	}
}

// The probe fails after exactly three seconds, whatever it waits for.
func TestProbeTimeout(t *testing.T) {
	for name, dial := range map[string]probe.DialFunc{
		"no connection": func(_, _ string, timeout time.Duration) (net.Conn, error) {
			time.Sleep(timeout)
			return nil, os.ErrDeadlineExceeded
		},
		"slow to connect and to read": func(string, string, time.Duration) (net.Conn, error) {
			time.Sleep(2 * time.Second)
			conn, _ := net.Pipe()
			return conn, nil
		},
		"no response": func(string, string, time.Duration) (net.Conn, error) {
			conn, server := net.Pipe()
			go io.Copy(io.Discard, server) // it reads and does not respond
			return conn, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var log strings.Builder
				if status := probe.Run(nil, dial, &log); status != 1 {
					t.Errorf("exit status %d, want 1", status)
				}
				if after := time.Since(start); after != 3*time.Second {
					t.Errorf("ends after %v, want 3s", after)
				}
				servertest.WantOneLine(t, log.String(), "timeout")
			})
		})
	}
}

// The probe reads the same settings as the server. It presents no certificate, even
// if the server accepts client certificates.
func TestProbeTLS(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "another.name")
	environ := []string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + key, "ARGSERVER_TLS_CLIENT_CA=" + authority.Path}
	server := servertest.Serve(t, nil, environ...)
	var log strings.Builder
	if status := probe.Run(append(environ, "ARGSERVER_ADDR="+server.Addr), net.DialTimeout, &log); status != 0 {
		t.Errorf("exit status %d, want 0: %s", status, &log)
	}
	log.Reset()
	if status := probe.Run([]string{"ARGSERVER_ADDR=" + server.Addr}, net.DialTimeout, &log); status != 1 {
		t.Errorf("without TLS the exit status is %d, want 1: %s", status, &log)
	}
}

// The server has read its files at the start. The probe does not need them, so that a
// key that is rotated or removed leaves a healthy server healthy.
func TestProbeTLSFiles(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "another.name")
	environ := []string{"ARGSERVER_TLS_CERT=" + cert, "ARGSERVER_TLS_KEY=" + key, "ARGSERVER_TLS_CLIENT_CA=" + authority.Path}
	server := servertest.Serve(t, nil, environ...)
	environ = append(environ, "ARGSERVER_ADDR="+server.Addr)
	for _, change := range []struct {
		name string
		make func() error
	}{
		{"another key", func() error {
			_, other := authority.Issue(t, "another.name")
			return os.Rename(other, key)
		}},
		{"an empty certificate", func() error { return os.WriteFile(cert, nil, 0o600) }},
		{"no key", func() error { return os.Remove(key) }},
		{"no CA certificate", func() error { return os.Remove(authority.Path) }},
	} {
		if err := change.make(); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		if status := probe.Run(environ, net.DialTimeout, &log); status != 0 {
			t.Errorf("with %s the exit status is %d, want 0: %s", change.name, status, &log)
		}
	}
}

// endlessHeader responds with a larger header than the probe reads.
type endlessHeader struct{}

func (endlessHeader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
}
