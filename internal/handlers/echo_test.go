package handlers_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"argserver/internal/ordered"
	"argserver/internal/servertest"
)

// With ARGSERVER_ECHO=1, the endpoints keep their paths and methods. Every other path
// is echoed as it was sent, and never redirected.
func TestEcho(t *testing.T) {
	const echoed = "echoed" // 200, with the request line in the body
	server := servertest.Serve(t, []string{"/argserver", "a"}, "ARGSERVER_ECHO=1", "ARGSERVER_ENV=HOME")
	for _, c := range []struct {
		method, target string
		want           string // the status, or echoed
	}{
		{"GET", "/", echoed},
		{"POST", "/", echoed},
		{"GET", "/nothing", echoed},
		{"HEAD", "/nothing", echoed},
		{"PUT", "/nothing", echoed},
		{"OPTIONS", "/nothing", echoed},
		{"TRACE", "/nothing", echoed},
		{"BREW", "/nothing?a=b", echoed},
		{"GET", "//", echoed},
		{"GET", "//args", echoed},
		{"GET", "/args/", echoed},
		{"GET", "/args//", echoed},
		{"GET", "/args/0/", echoed},
		{"GET", "/args/0/1", echoed},
		{"GET", "/args//0", echoed},
		{"GET", "/args/.", echoed},
		{"GET", "/args/..", echoed},
		{"GET", "/args/../x", echoed},
		{"GET", "/x/../args", echoed},
		{"GET", "/./args", echoed},
		{"GET", "/../args", echoed},
		{"GET", "/args/%2e%2e/x", echoed},
		{"GET", "/args%2f0", echoed},
		{"GET", "/args/%2f", echoed},
		{"GET", "/%2fargs", echoed},
		{"GET", "/%2e/args", echoed},
		{"GET", "/args%00", echoed},
		{"GET", "/args%20", echoed},
		{"GET", "/ARGS", echoed},
		{"GET", "/args;a", echoed},
		{"GET", "/healthz/", echoed},
		{"POST", "/healthz/", echoed},
		{"GET", "/healthz/..", echoed},
		{"GET", "/events/", echoed},
		{"GET", "/overview/", echoed},
		{"GET", "/requests", echoed},
		{"GET", "/request", echoed},
		{"POST", "/request//a/../b", echoed},
		{"GET", "/%72equest/a", echoed},
		{"GET", "/grpc.health.v1.Health/Check", echoed},
		{"POST", "/grpc.health.v1.Health/Check", echoed},
		{"GET", "/%0d%0aInjected:%201", echoed},
		{"GET", "http://other.example/x", echoed},
		{"GET", "http://other.example", echoed},
		{"OPTIONS", "http://other.example", echoed},
		{"GET", "http://other.example//args", echoed},
		{"GET", "http://other.example/args", "200"},
		{"GET", "/args", "200"},
		{"GET", "/%61rgs", "200"},
		{"GET", "/args?a=//", "200"},
		{"GET", "/args/0", "200"},
		{"GET", "/args/%30", "200"},
		{"GET", "/args/x", "404"},
		{"GET", "/args/2", "404"},
		{"GET", "/args/%2e%2e", "404"},
		{"GET", "/overview", "200"},
		{"GET", "/env", "200"},
		{"GET", "/healthz", "200"},
		{"GET", "/readyz", "200"},
		{"GET", "/version", "200"},
		{"HEAD", "/events", "200"},
		{"POST", "/args", "405"},
		{"POST", "/%61rgs", "405"},
		{"OPTIONS", "/args", "405"},
		{"PUT", "/args/0", "405"},
		{"BREW", "/overview", "405"},
		{"POST", "/events", "405"},
		{"DELETE", "/healthz", "405"},
		{"DELETE", "/version", "405"},
		{"GET", "*", "400"},
		{"OPTIONS", "*", "200"}, // about the server as a whole
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			conn := servertest.Dial(t, server.Addr)
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", c.method, c.target)
			response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Fields(response.Status)[0]
			if line := "\n\n" + c.method + " " + c.target + " HTTP/1.1\n"; got == "200" &&
				(strings.Contains(string(body), line) || c.method == "HEAD" && c.want == echoed) {
				got = echoed
			}
			if got != c.want || response.Header.Get("Location") != "" {
				t.Errorf("got %s %v %q, want %s", response.Status, response.Header, body, c.want)
			}
		})
	}
}

// Where argserver stands in the place of another server, a query is only shown.
func TestEchoIsAMirror(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_ECHO=1")
	for _, target := range []string{
		"/api/orders?size=50&page=2", "/?status=open", "/a?status=503", "/a?format=csv", "/a?format=json", "/a?wait=5m", "/a?header=none",
		"/a?header=Content-Type:text/html", "/a?size=1;2", "/requests?status=503", "//request?status=503", "/grpc.health.v1.Health/Check?status=503",
	} {
		a := servertest.Fetch(t, "GET", server.URL+target)
		if a.Status != 200 || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(a.Body, "\n\nGET "+target+" HTTP/1.1\n") {
			t.Errorf("GET %s = %d %v %q, want the request as text", target, a.Status, a.Header, a.Body)
		}
	}
	a := servertest.Fetch(t, "GET", server.URL+"/a?format=text", "Accept", "application/json")
	if !strings.HasPrefix(a.Body, `{"method":"GET","target":"/a?format=text"`) {
		t.Errorf("with Accept the response is %q, want JSON", a.Body)
	}
	if a := servertest.Fetch(t, "GET", server.URL+"/request/foo?status=503"); a.Status != 503 {
		t.Errorf("/request/foo?status=503 = %d, want 503", a.Status)
	}
}

// Over HTTP/2 requests below /request take the same parameters.
func TestEchoParameters(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_ECHO=1")
	request, err := http.NewRequest("PUT", server.URL+"/request/a?wait=10ms&status=418&format=json&header=X-A:%201&header=x-a:2", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	a := servertest.Do(t, servertest.HTTP2Client(t), request)
	var got map[string]any
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 418 || got["method"] != "PUT" || got["body"] != "Ym9keQ==" {
		t.Errorf("got %d %s (%v), want 418 with the method PUT and the body Ym9keQ==", a.Status, a.Body, err)
	}
	if got, want := a.Header["X-A"], []string{"1", "2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("X-A is %q, want %q", got, want)
	}
	if a := servertest.Fetch(t, "GET", server.URL+"/request/a?status=x"); a.Status != 400 {
		t.Errorf("?status=x = %d, want 400", a.Status)
	}
}

// Without ARGSERVER_ECHO=1 there is no echo but /request.
func TestNoEcho(t *testing.T) {
	for _, environ := range [][]string{nil, {"ARGSERVER_ECHO=0"}} {
		server := servertest.Serve(t, []string{"/argserver"}, environ...)
		for _, path := range []string{"/nothing", "/args/", "/healthz/"} {
			if a := servertest.Fetch(t, "GET", server.URL+path); a.Status != 404 {
				t.Errorf("GET %s = %d, want 404", path, a.Status)
			}
		}
		for _, path := range []string{"/", "/overview"} {
			if a := servertest.Fetch(t, "GET", server.URL+path); a.Status != 200 || !strings.HasPrefix(a.Body, "arguments\n") {
				t.Errorf("GET %s = %d %q, want the overview", path, a.Status, a.Body)
			}
		}
		if a := servertest.Fetch(t, "GET", server.URL+"/request?header=X-A:1"); a.Status != 400 || !strings.Contains(a.Body, "ARGSERVER_ECHO=1") {
			t.Errorf("?header = %d %q, want 400 and ARGSERVER_ECHO=1", a.Status, a.Body)
		}
	}
}

// The echo tells which machine has answered. No client can forge that.
func TestMachine(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "127.0.0.1")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	server := servertest.Serve(t, nil, "ARGSERVER_ECHO=1", "ARGSERVER_ENV=POD_NAME,POD_NAMESPACE,UNSET", "POD_NAME=a-0", "POD_NAMESPACE=b\nremote c", "SECRET=s3cret",
		"ARGSERVER_TLS_CERT="+cert, "ARGSERVER_TLS_KEY="+key)
	for _, serverName := range []string{"", "a.example", "a\nhostname forged"} {
		for _, alpn := range []string{"", "http/1.1"} {
			config := &tls.Config{InsecureSkipVerify: true, ServerName: serverName}
			lines := ""
			if serverName != "" {
				lines += "sni " + ordered.Printable(serverName) + "\n"
			}
			if alpn != "" {
				config.NextProtos = []string{alpn}
				lines += "alpn " + alpn + "\n"
			}
			lines += "hostname " + host + "\nenv POD_NAME=\"a-0\"\nenv POD_NAMESPACE=\"b\\nremote c\"\n\nGET /"
			for _, path := range []string{"/request", "/request/below"} {
				conn := tls.Client(servertest.Dial(t, server.Addr), config)
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\nHostname: forged\r\nEnv: POD_NAME=forged\r\nSni: forged\r\nConnection: close\r\n\r\n", path)
				answered, err := io.ReadAll(conn)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(answered), "\ncipher TLS_AES_128_GCM_SHA256\n"+lines) {
					t.Errorf("with the server name %q and ALPN %q %s shows\n%s\nwant the lines\n%s", serverName, alpn, path, answered, lines)
				}

				conn = tls.Client(servertest.Dial(t, server.Addr), config)
				fmt.Fprintf(conn, "GET %s?format=json HTTP/1.0\r\nHostname: forged\r\nEnv: forged\r\nSni: forged\r\n\r\n", path)
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				var got map[string]any
				if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
					t.Fatal(err)
				}
				want := map[string]any{"hostname": host, "env": map[string]any{"POD_NAME": "a-0", "POD_NAMESPACE": "b\nremote c"}}
				if serverName != "" {
					want["sni"] = serverName
				}
				if alpn != "" {
					want["alpn"] = alpn
				}
				for _, name := range []string{"hostname", "env", "sni", "alpn"} {
					if !reflect.DeepEqual(got[name], want[name]) {
						t.Errorf("%s is %v, want %v", name, got[name], want[name])
					}
				}
			}
		}
	}
}
