package handlers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

func TestRoutes(t *testing.T) {
	server := servertest.Serve(t, []string{"/argserver", "a"})
	for _, c := range []struct {
		method, path string
		status       int
		body         string // a part of the body
	}{
		{"GET", "/", 200, "/args"},
		{"GET", "/overview", 200, "/args"},
		{"GET", "/args", 200, "[/argserver a]\n"},
		{"GET", "/args?a=b", 200, "[/argserver a]\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, "ok\n"},
		{"GET", "/version", 200, "version devel\ngo go1."},
		{"GET", "/args/", 404, "GET / "},
		{"GET", "/requests", 404, "GET / "},
		{"GET", "//x", 404, "GET / "},
		{"GET", "//args/%30", 404, "GET / "},
		{"GET", "/./args", 404, "GET / "},
		{"GET", "/args/../args", 404, "GET / "},
		{"GET", "/args//0", 404, "GET / "},
		{"GET", "/nothing", 404, "GET / "},
		{"HEAD", "/", 200, ""},
		{"HEAD", "/overview", 200, ""},
		{"HEAD", "/args", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"HEAD", "/version", 200, ""},
		{"HEAD", "/nothing", 404, ""},
		{"POST", "/", 405, ""},
		{"POST", "/args", 405, ""},
		{"PUT", "/healthz", 405, ""},
		{"DELETE", "/version", 405, ""},
		{"OPTIONS", "/args", 405, ""},
		{"BREW", "/args", 405, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			a := servertest.Fetch(t, c.method, server.URL+c.path)
			if a.Status != c.status || !strings.Contains(a.Body, c.body) {
				t.Errorf("got %d %q, want %d with %q", a.Status, a.Body, c.status, c.body)
			}
			if c.method == "HEAD" && a.Body != "" {
				t.Errorf("HEAD returned the body %q", a.Body)
			}
			if got, want := a.Header.Get("Content-Type"), "text/plain; charset=utf-8"; got != want {
				t.Errorf("Content-Type = %q, want %q", got, want)
			}
			if got := a.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			if got := a.Header.Get("Allow"); c.status == 405 && got != "GET, HEAD" {
				t.Errorf("Allow = %q, want GET, HEAD", got)
			}
		})
	}
}

// Nothing that a client sends adds a header to the response or a line to the log.
func TestInjection(t *testing.T) {
	var access servertest.LockedBuffer
	server := servertest.ServeTo(t, &access, []string{"/argserver", "\r\nInjected: 1\r\n\r\n<script>"}, "ARGSERVER_ACCESS_LOG=1")
	for _, sent := range []string{
		"GET /request/%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /%0aInjected:%201/..//x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /args/%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /args?format=%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /request?status=%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /request HTTP/1.1\r\nHost: a\rInjected: 1\r\n\r\n",
		"GET /request HTTP/1.1\r\nHost: a\r\nX: b\rInjected: 1\r\n\r\n",
		"GET /request HTTP/1.1\r\nHost: a\nInjected : 1\r\n\r\n",
		"GET /args/1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX: <script>\r\n\r\n",
	} {
		response := servertest.Exchange(t, server.Addr, sent)
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("Injected") != "" {
			t.Errorf("%q adds a header to the response: %v", sent, response.Header)
		}
		if response.Header.Get("Content-Type") == "text/html; charset=utf-8" && bytes.Contains(body, []byte("<script")) {
			t.Errorf("%q adds a script to the page: %s", sent, body)
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(access.String(), "\n"), "\n") {
		if !strings.HasPrefix(line, "127.0.0.1:") {
			t.Errorf("the access log has a forged line: %q", line)
		}
	}
}

// endpoints returns the endpoints in the overview and what it says about each.
func endpoints(t *testing.T) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	handlers.Routes(nil, nil, settings.Settings{}, nil).ServeHTTP(w, httptest.NewRequest("GET", "/overview?format=json", nil))
	var overview struct{ Endpoints map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &overview); err != nil {
		t.Fatal(err)
	}
	return overview.Endpoints
}

// Every endpoint in the overview is there.
func TestEndpoints(t *testing.T) {
	server := servertest.Serve(t, []string{"argserver"}, "ARGSERVER_ENV=HOME")
	for endpoint := range endpoints(t) {
		path := strings.Replace(endpoint, "/N", "/0", 1)
		if strings.HasPrefix(path, "/grpc.") {
			continue // TestGRPC calls it
		}
		if a := servertest.Fetch(t, "HEAD", server.URL+path); a.Status != http.StatusOK {
			t.Errorf("%s responds with %d, want 200", path, a.Status)
		}
	}
}

// The documents have exactly the endpoints of the overview: README in its table,
// ENDPOINTS in a transcript.
func TestEndpointsInDocuments(t *testing.T) {
	for document, lines := range map[string]*regexp.Regexp{
		"README.md":    regexp.MustCompile("(?m)^\\| \\[(`/.*)\\]\\("),
		"ENDPOINTS.md": regexp.MustCompile(`(?m)^  (/.*)$`),
	} {
		text, err := os.ReadFile("../../" + document)
		if err != nil {
			t.Fatal(err)
		}
		var documented []string
		for _, line := range lines.FindAllStringSubmatch(string(text), -1) {
			if path, about, ok := strings.Cut(line[1], " "); document == "ENDPOINTS.md" && ok {
				documented = append(documented, path)
				if got, want := strings.TrimSpace(about), endpoints(t)[path]; got != want {
					t.Errorf("%s says %q of %s, want %q", document, got, path, want)
				}
				continue
			}
			for _, path := range regexp.MustCompile("`(.*?)`").FindAllStringSubmatch(line[1], -1) {
				documented = append(documented, path[1])
			}
		}
		slices.Sort(documented)
		if want := slices.Sorted(maps.Keys(endpoints(t))); !slices.Equal(documented, want) {
			t.Errorf("%s has the endpoints %q, want %q", document, documented, want)
		}
	}
}

func BenchmarkHandlers(b *testing.B) {
	handler := handlers.Routes([]string{"/argserver", "a", "b", "c", "d"}, []string{"HOME=/"}, settings.Settings{Env: []string{"HOME"}}, nil)
	for _, path := range []string{"/args", "/args?format=json", "/args/1", "/env", "/healthz", "/readyz", "/version", "/request", "/", "/?format=html", "/nothing"} {
		b.Run(path, func(b *testing.B) {
			request, err := http.NewRequest("GET", path, http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			request.RequestURI = path
			w := servertest.DiscardWriter{}
			b.ReportAllocs()
			for b.Loop() {
				clear(w)
				handler.ServeHTTP(w, request)
			}
		})
	}
}
