package product_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// testInsteadOf starts argserver with the arguments and variables that README's table
// lists for the place of each other server, and sends requests like those of the tests
// and examples that use that server.
func testInsteadOf(t *testing.T, binary string) {
	for _, c := range []struct {
		name    string
		args    []string
		environ []string
		answers map[string]string // by path, the status and a part of the body
	}{
		{"whoami", nil, []string{"ARGSERVER_ECHO=1", "ARGSERVER_ENV=WHOAMI_NAME", "WHOAMI_NAME=backend-1"}, map[string]string{
			"/whoami":              "200 env WHOAMI_NAME=\"backend-1\"\n",
			"/request?format=json": `200 "env":{"WHOAMI_NAME":"backend-1"}`,
			"/request?size=16":     "200 " + strings.Repeat("\x00", 16),
			"/api?size=50&wait=5m": "200 GET /api?size=50&wait=5m HTTP/1.1\n",
			"/healthz":             "200 ok\n",
		}},
		{"http-echo", []string{"hello world"}, nil, map[string]string{"/args/1": "200 hello world"}},
		{"echo-basic", nil, []string{"ARGSERVER_ECHO=1", "ARGSERVER_ENV=POD_NAME,NAMESPACE", "POD_NAME=infra-backend-v1-0", "NAMESPACE=gateway-conformance-infra"}, map[string]string{
			"/request/match/this/path?format=json": `200 "env":{"NAMESPACE":"gateway-conformance-infra","POD_NAME":"infra-backend-v1-0"}`,
			"/":                                    "200 GET / HTTP/1.1\n",
		}},
		{"go-httpbin", nil, []string{"ARGSERVER_ECHO=1"}, map[string]string{
			"/headers":            "200 User-Agent: Go-http-client/1.1\n",
			"/request?status=503": "503 GET /request?status=503 HTTP/1.1\n",
			"/request?status=302&header=Location:/get": "302 ",
			"/request?size=16":                         "200 " + strings.Repeat("\x00", 16),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := start(t, binary, c.args, append(c.environ, "ARGSERVER_ADDR=127.0.0.1:0")...)
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			for path, want := range c.answers {
				response, err := client.Get("http://" + server.Address + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				status, part, _ := strings.Cut(want, " ")
				if err != nil || fmt.Sprint(response.StatusCode) != status || !strings.Contains(string(body), part) {
					t.Errorf("GET %s answered %d %q (%v), want %s and %q", path, response.StatusCode, body, err, status, part)
				}
			}
			client.CloseIdleConnections()
			if err := server.Stop(0); err != nil {
				t.Error(err)
			}
		})
	}
}
