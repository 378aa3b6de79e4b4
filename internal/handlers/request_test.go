package handlers_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/ordered"
	"argserver/internal/response"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

func TestRequestText(t *testing.T) {
	server := servertest.Serve(t, nil)
	conn := servertest.Dial(t, server.Addr)
	fmt.Fprint(conn, "BREW /request//a/../%2e?x=%zz&y HTTP/1.1\r\nhost: example.org:1\r\nx-b: 2\r\nX-A: 1\r\nx-B:  3 \r\nContent-Length: 5\r\nConnection: close\r\n\r\na\x00\xffb\n")
	answered, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(answered), "\r\n\r\n")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("remote %s\nlocal %s\nhostname %s\n\nBREW /request//a/../%%2e?x=%%zz&y HTTP/1.1\nHost: example.org:1\nConnection: close\nContent-Length: 5\nX-A: 1\nX-B: 2\nX-B: 3\n\na\x00\xffb\n",
		conn.LocalAddr(), server.Addr, ordered.Printable(host))
	if body != want {
		t.Errorf("got\n%q\nwant\n%q", body, want)
	}
}

func TestRequestJSON(t *testing.T) {
	server := servertest.Serve(t, nil)
	request, err := http.NewRequest("PUT", server.URL+"/request/a%20b?format=json", strings.NewReader("a\x00\xffb"))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "example.org"
	request.Header = http.Header{"X-A": {"1", "\"\xff"}, "User-Agent": {"test"}, "Accept-Encoding": {"identity"}}
	a := servertest.Do(t, http.DefaultClient, request)
	var got map[string]any
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatal(err)
	}
	if remote, _ := got["remote"].(string); !strings.HasPrefix(remote, "127.0.0.1:") {
		t.Errorf("remote is %q", remote)
	}
	delete(got, "remote")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"method": "PUT", "target": "/request/a%20b?format=json", "protocol": "HTTP/1.1", "host": "example.org", "local": server.Addr, "hostname": host,
		"headers": map[string]any{"X-A": []any{"1", "\"\ufffd"}, "User-Agent": []any{"test"}, "Accept-Encoding": []any{"identity"}, "Content-Length": []any{"4"}},
		"body":    base64.StdEncoding.EncodeToString([]byte("a\x00\xffb")),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// A certificate without a subject still tells who the client is.
func TestClientNames(t *testing.T) {
	spiffe, err := url.Parse("spiffe://example.org/a")
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest("GET", "/request", nil)
	request.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{
		URIs: []*url.URL{spiffe}, DNSNames: []string{"a.example", "b\nforged"}, EmailAddresses: []string{"a@example.org"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)},
	}}}
	handler := handlers.Routes(nil, nil, settings.Settings{}, nil)
	for format, want := range map[string]string{
		"text": "\nclient \nclientNames spiffe://example.org/a, a.example, \"b\\nforged\", a@example.org, 192.0.2.1\n",
		"json": `"client":"","clientNames":["spiffe://example.org/a","a.example","b\nforged","a@example.org","192.0.2.1"]`,
	} {
		response := httptest.NewRecorder()
		request.URL.RawQuery = "format=" + format
		handler.ServeHTTP(response, request)
		if !strings.Contains(response.Body.String(), want) {
			t.Errorf("as %s the request is %s, want %s", format, response.Body, want)
		}
	}
}

// Trailers follow the body, and the transfer encoding stands among the headers,
// although net/http takes both out of them.
func TestRequestTrailers(t *testing.T) {
	server := servertest.Serve(t, nil)
	const sent = "POST /request%s HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Missing\r\n\r\n" +
		"3\r\na\x00b\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\nX-Other:  \"3\" \r\n\r\n"
	text, err := io.ReadAll(servertest.Exchange(t, server.Addr, fmt.Sprintf(sent, "")).Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\n\nPOST /request HTTP/1.1\nHost: a\nAccept: */*\nTrailer: X-Missing, X-Sum\nTransfer-Encoding: chunked\nX-A: 1\n\na\x00b\nX-Other: \"3\"\nX-Sum: 1\nX-Sum: 2\n"; !strings.HasSuffix(string(text), want) {
		t.Errorf("got %q, want it to end with %q", text, want)
	}
	encoded, err := io.ReadAll(servertest.Exchange(t, server.Addr, fmt.Sprintf(sent, "?format=json")).Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"headers":{"Accept":["*/*"],"Trailer":["X-Missing, X-Sum"],"X-A":["1"]},"transferEncoding":["chunked"],"remote":`; !strings.Contains(string(encoded), want) {
		t.Errorf("got %s, want %s", encoded, want)
	}
	if want := `"body":"YQBi","trailers":{"X-Missing":[],"X-Other":["\"3\""],"X-Sum":["1","2"]}}` + "\n"; !strings.HasSuffix(string(encoded), want) {
		t.Errorf("got %s, want %s", encoded, want)
	}

	// HTTP/2 has trailers and no transfer encoding.
	request, err := http.NewRequest("POST", server.URL+"/request?format=json", io.MultiReader(strings.NewReader("ab")))
	if err != nil {
		t.Fatal(err)
	}
	request.Trailer = http.Header{"X-Sum": {"1"}}
	if got := servertest.Do(t, servertest.HTTP2Client(t), request).Body; strings.Contains(got, "transferEncoding") || !strings.Contains(got, `"Trailer":["X-Sum"]`) || !strings.HasSuffix(got, `"body":"YWI=","trailers":{"X-Sum":["1"]}}`+"\n") {
		t.Errorf("over HTTP/2 got %s, want the trailers and no transfer encoding", got)
	}
}

func TestRequestParameters(t *testing.T) {
	server := servertest.Serve(t, nil)
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
		{"GET", "/request?size=-1", 400, `size="-1": want a number of bytes from 0 to 67108864, such as 1048576`},
		{"GET", "/request?size=67108865", 400, `size="67108865"`},
		{"GET", "/request?size=1k", 400, `size="1k"`},
		{"GET", "/request?size=", 400, `size=""`},
		{"GET", "/request?size=3&status=204", 204, ""},
		{"GET", "/request?size=3&format=xml", 400, `format="xml"`},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			a := servertest.Fetch(t, c.method, server.URL+c.path)
			if a.Status != c.status || !strings.Contains(a.Body, c.says) || (c.says == "") != (a.Body == "") {
				t.Errorf("got %d %q, want %d with %q", a.Status, a.Body, c.status, c.says)
			}
			if a.Body != "" && (a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || a.Header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("got Content-Type %q and X-Content-Type-Options %q", a.Header.Get("Content-Type"), a.Header.Get("X-Content-Type-Options"))
			}
		})
	}
}

func TestRequestBody(t *testing.T) {
	server := servertest.Serve(t, nil)
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
			request, err := http.NewRequest("POST", server.URL+"/request", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if c.chunked {
				request.ContentLength = -1
			}
			a := servertest.Do(t, http.DefaultClient, request)
			if a.Status != c.status || (c.status == 200) != strings.HasSuffix(a.Body, "\n\n"+body) {
				t.Errorf("got %d and %d bytes, want %d", a.Status, len(a.Body), c.status)
			}
			if c.status == 413 && !strings.Contains(a.Body, "want at most 1048576 bytes") {
				t.Errorf("refused with %q", a.Body)
			}
		})
	}
}

// Over HTTP/1 a client that has sent everything may close its side of the
// connection and still read the response.
func TestHalfClosedClient(t *testing.T) {
	server := servertest.Serve(t, nil)
	body := strings.Repeat("x", 600_000)
	for _, sent := range []string{
		"GET /request?wait=100ms&status=503 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /request?status=503 HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n" + body,
	} {
		var clients sync.WaitGroup
		for range 50 {
			conn := servertest.Dial(t, server.Addr)
			clients.Go(func() {
				io.WriteString(conn, sent)
				conn.(*net.TCPConn).CloseWrite()
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(response.Body)
				if response.StatusCode != 503 || err != nil || len(got) < len(sent) {
					t.Errorf("%.20s got %d, %d bytes and %v, want 503 and the request", sent, response.StatusCode, len(got), err)
				}
			})
		}
		clients.Wait()
	}
}

// Over HTTP/2 a client that resets its stream is gone. The delay ends, and nothing
// is answered.
func TestResetStream(t *testing.T) {
	var access servertest.LockedBuffer
	server := servertest.ServeTo(t, &access, nil, "ARGSERVER_ACCESS_LOG=1")
	client := servertest.HTTP2Client(t)
	for _, c := range []struct {
		name     string
		uploaded bool // the server has the whole body and waits
	}{
		{"upload", false},
		{"wait", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			access.Reset()
			ctx, reset := context.WithCancel(t.Context())
			body, upload := io.Pipe()
			request, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/request/reset?wait=30s", body)
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			go func() {
				_, err := client.Do(request)
				failed <- err
			}()
			io.WriteString(upload, "x") // returns once the client sends the body
			if c.uploaded {
				upload.Close()
			}
			// Once the server has answered a second request on the same connection, it
			// has received the first.
			second, err := http.NewRequest("GET", server.URL+"/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			servertest.Do(t, client, second)
			reset()
			if err := <-failed; err == nil {
				t.Error("got a response")
			}
			for !strings.Contains(access.String(), "/request/reset") { // the test times out if it never does
				time.Sleep(time.Millisecond)
			}
			if got, want := access.String(), ` POST "/request/reset" - 0 `; !strings.Contains(got, want) {
				t.Errorf("logged %q, want %q", got, want)
			}
		})
	}
}

func TestRequestSize(t *testing.T) {
	server := servertest.Serve(t, nil)
	for _, client := range []*http.Client{http.DefaultClient, servertest.HTTP2Client(t)} {
		for _, c := range []struct {
			method, query string
			status, size  int
		}{
			{"GET", "size=0", 200, 0},
			{"GET", "size=1", 200, 1},
			{"POST", "size=32769&status=503&wait=10ms&format=json", 503, 32769},
			{"GET", "size=1048576", 200, 1 << 20},
			{"HEAD", "size=67108864", 200, 64 << 20},
			{"HEAD", "size=1", 200, 1},
			{"HEAD", "size=0", 200, 0},
		} {
			request, err := http.NewRequest(c.method, server.URL+"/request?"+c.query, strings.NewReader("a body"))
			if err != nil {
				t.Fatal(err)
			}
			a := servertest.Do(t, client, request)
			want := strings.Repeat("\x00", c.size)
			if c.method == "HEAD" {
				want = ""
			}
			if a.Status != c.status || a.Body != want || a.Header.Get("Content-Length") != fmt.Sprint(c.size) ||
				a.Header.Get("Content-Type") != response.OctetStream || a.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s ?%s = %d %v and %d bytes, want %d and %d zero bytes", c.method, c.query, a.Status, a.Header, len(a.Body), c.status, len(want))
			}
		}
	}
}

// The longest response of ?size takes no memory for its body.
func TestRequestSizeMemory(t *testing.T) {
	handler := handlers.Routes(nil, nil, settings.Settings{}, nil)
	request, err := http.NewRequest("GET", "/request?size=67108864", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	w := &countingDiscard{DiscardWriter: servertest.DiscardWriter{}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	handler.ServeHTTP(w, request)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 || w.written != 64<<20 {
		t.Errorf("%d bytes take %d bytes of memory, want 64 MiB and less than 1 MiB", w.written, got)
	}
}

// countingDiscard counts the bytes that it discards.
type countingDiscard struct {
	servertest.DiscardWriter
	written int
}

func (w *countingDiscard) Write(b []byte) (int, error) {
	w.written += len(b)
	return len(b), nil
}
