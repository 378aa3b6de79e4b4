package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestRequestText(t *testing.T) {
	server := serveTest(t, nil)
	conn := dial(t, server.addr)
	fmt.Fprint(conn, "BREW /request//a/../%2e?x=%zz&y HTTP/1.1\r\nhost: example.org:1\r\nx-b: 2\r\nX-A: 1\r\nx-B:  3 \r\nContent-Length: 5\r\nConnection: close\r\n\r\na\x00\xffb\n")
	answered, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(answered), "\r\n\r\n")
	want := fmt.Sprintf("remote %s\nlocal %s\n\nBREW /request//a/../%%2e?x=%%zz&y HTTP/1.1\nHost: example.org:1\nConnection: close\nContent-Length: 5\nX-A: 1\nX-B: 2\nX-B: 3\n\na\x00\xffb\n",
		conn.LocalAddr(), server.addr)
	if body != want {
		t.Errorf("got\n%q\nwant\n%q", body, want)
	}
}

func TestRequestJSON(t *testing.T) {
	server := serveTest(t, nil)
	request, err := http.NewRequest("PUT", server.url+"/request/a%20b?format=json", strings.NewReader("a\x00\xffb"))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "example.org"
	request.Header = http.Header{"X-A": {"1", "\"\xff"}, "User-Agent": {"test"}, "Accept-Encoding": {"identity"}}
	a := do(t, http.DefaultClient, request)
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if remote, _ := got["remote"].(string); !strings.HasPrefix(remote, "127.0.0.1:") {
		t.Errorf("remote is %q", remote)
	}
	delete(got, "remote")
	want := map[string]any{
		"method": "PUT", "target": "/request/a%20b?format=json", "protocol": "HTTP/1.1", "host": "example.org", "local": server.addr,
		"headers": map[string]any{"X-A": []any{"1", "\"\ufffd"}, "User-Agent": []any{"test"}, "Accept-Encoding": []any{"identity"}, "Content-Length": []any{"4"}},
		"body":    base64.StdEncoding.EncodeToString([]byte("a\x00\xffb")),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// Trailers follow the body, and the transfer encoding stands among the headers,
// although net/http takes both out of them.
func TestRequestTrailers(t *testing.T) {
	server := serveTest(t, nil)
	const sent = "POST /request%s HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Missing\r\n\r\n" +
		"3\r\na\x00b\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\nX-Other:  \"3\" \r\n\r\n"
	text, err := io.ReadAll(exchange(t, server.addr, fmt.Sprintf(sent, "")).Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\n\nPOST /request HTTP/1.1\nHost: a\nAccept: */*\nTransfer-Encoding: chunked\nX-A: 1\n\na\x00b\nX-Other: \"3\"\nX-Sum: 1\nX-Sum: 2\n"; !strings.HasSuffix(string(text), want) {
		t.Errorf("got %q, want it to end with %q", text, want)
	}
	encoded, err := io.ReadAll(exchange(t, server.addr, fmt.Sprintf(sent, "?format=json")).Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"headers":{"Accept":["*/*"],"X-A":["1"]},"transferEncoding":["chunked"],"remote":`; !strings.Contains(string(encoded), want) {
		t.Errorf("got %s, want %s", encoded, want)
	}
	if want := `"body":"YQBi","trailers":{"X-Missing":[],"X-Other":["\"3\""],"X-Sum":["1","2"]}}` + "\n"; !strings.HasSuffix(string(encoded), want) {
		t.Errorf("got %s, want %s", encoded, want)
	}

	// HTTP/2 has trailers and no transfer encoding.
	request, err := http.NewRequest("POST", server.url+"/request?format=json", io.MultiReader(strings.NewReader("ab")))
	if err != nil {
		t.Fatal(err)
	}
	request.Trailer = http.Header{"X-Sum": {"1"}}
	if got := do(t, http2Client(t), request).body; strings.Contains(got, "transferEncoding") || !strings.HasSuffix(got, `"body":"YWI=","trailers":{"X-Sum":["1"]}}`+"\n") {
		t.Errorf("over HTTP/2 got %s, want the trailers and no transfer encoding", got)
	}
}

func TestRequestParameters(t *testing.T) {
	server := serveTest(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		says         string // a part of the body, empty for no body
	}{
		{"GET", "/request", 200, "GET /request HTTP/1.1\n"},
		{"HEAD", "/request", 200, ""},
		{"POST", "/request/", 200, "POST /request/ HTTP/1.1\n"},
		{"OPTIONS", "/request/../args", 200, "OPTIONS /request/../args HTTP/1.1\n"},
		{"GET", "/request?status=200", 200, "status=200"},
		{"GET", "/request?status=503", 503, "status=503"},
		{"GET", "/request?status=599", 599, "status=599"},
		{"GET", "/request?status=204", 204, ""},
		{"GET", "/request?status=205", 205, ""},
		{"GET", "/request?status=304", 304, ""},
		{"GET", "/request?status=204&format=json", 204, ""},
		{"GET", "/request?status=199", 400, `status="199": want a number from 200 to 599`},
		{"GET", "/request?status=600", 400, `status="600"`},
		{"GET", "/request?status=", 400, `status=""`},
		{"GET", "/request?status=%0d%0a", 400, `status="\r\n"`},
		{"GET", "/request?wait=0s", 200, "wait=0s"},
		{"GET", "/request?wait=10ms&status=418", 418, "wait=10ms"},
		{"GET", "/request?wait=30.1s", 400, `wait="30.1s": want a duration from 0s to 30s`},
		{"GET", "/request?wait=-1s", 400, `wait="-1s"`},
		{"GET", "/request?wait=5", 400, `wait="5"`},
		{"GET", "/request?wait", 400, `wait=""`},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			a := fetch(t, c.method, server.url+c.path)
			if a.status != c.status || !strings.Contains(a.body, c.says) || (c.says == "") != (a.body == "") {
				t.Errorf("got %d %q, want %d with %q", a.status, a.body, c.status, c.says)
			}
			if a.body != "" && (a.header.Get("Content-Type") != "text/plain; charset=utf-8" || a.header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("got Content-Type %q and X-Content-Type-Options %q", a.header.Get("Content-Type"), a.header.Get("X-Content-Type-Options"))
			}
		})
	}
}

func TestRequestBody(t *testing.T) {
	server := serveTest(t, nil)
	for _, c := range []struct {
		name    string
		size    int
		chunked bool
		status  int
	}{
		{"largest", 1 << 20, false, 200},
		{"largest, chunked", 1 << 20, true, 200},
		{"too large", 1<<20 + 1, false, 413},
		{"too large, chunked", 1<<20 + 1, true, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.Repeat("x", c.size)
			request, err := http.NewRequest("POST", server.url+"/request", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if c.chunked {
				request.ContentLength = -1
			}
			a := do(t, http.DefaultClient, request)
			if a.status != c.status || (c.status == 200) != strings.HasSuffix(a.body, "\n\n"+body) {
				t.Errorf("got %d and %d bytes, want %d", a.status, len(a.body), c.status)
			}
			if c.status == 413 && !strings.Contains(a.body, "want at most 1048576 bytes") {
				t.Errorf("refused with %q", a.body)
			}
		})
	}
}

// A delay of ?wait ends when the client disconnects or the shutdown timeout passes.
func TestRequestWaitEnds(t *testing.T) {
	var access lockedBuffer
	server := serveTestTo(t, &access, nil, "ARGSERVER_ACCESS_LOG=1", "ARGSERVER_SHUTDOWN_TIMEOUT=10ms")
	conn := dial(t, server.addr)
	fmt.Fprint(conn, "GET /request/gone?wait=30s HTTP/1.1\r\nHost: a\r\n\r\n")
	conn.Close()
	for !strings.Contains(access.String(), "/request/gone") { // the test times out if it never does
		fetch(t, "GET", server.url+"/healthz")
	}

	conn = dial(t, server.addr)
	fmt.Fprint(conn, "POST /request/cut?wait=30s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	// The 100 shows that the handler is reading the body.
	interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, interim); err != nil || !strings.Contains(string(interim), "100 Continue") {
		t.Fatalf("got %q (%v), want 100 Continue", interim, err)
	}
	fmt.Fprint(conn, "x")
	server.signals <- os.Interrupt
	server.wantExit(t, 1, "requests in flight were cut off after 10ms")
}
