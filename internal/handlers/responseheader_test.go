package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/response"
	"argserver/internal/server"
	"argserver/internal/servertest"
	"argserver/internal/settings"
)

func TestHeaderParameter(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_ECHO=1")
	longest := strings.Repeat("x", 4096-len("X-A:"))
	for _, c := range []struct {
		name       string
		parameters []string
		want       http.Header // nil for 400
		says       string
	}{
		{"redirect", []string{"Location:/request"}, http.Header{"Location": {"/request"}}, ""},
		{"cookies", []string{"Set-Cookie:a=b; Path=/", "set-cookie: c=d"}, http.Header{"Set-Cookie": {"a=b; Path=/", "c=d"}}, ""},
		{"every name", []string{"Age:1", "ALLOW:1", "etag:1", "Expires:1", "Last-Modified:1", "Retry-After:1", "Server:1", "WWW-Authenticate:1"},
			http.Header{"Age": {"1"}, "Allow": {"1"}, "Etag": {"1"}, "Expires": {"1"}, "Last-Modified": {"1"}, "Retry-After": {"1"}, "Server": {"1"}, "Www-Authenticate": {"1"}}, ""},
		{"cache", []string{"Cache-Control:\t max-age=60, public \t"}, http.Header{"Cache-Control": {"max-age=60, public"}}, ""},
		{"empty value", []string{"X-A:", "X-B: \t"}, http.Header{"X-A": {""}, "X-B": {""}}, ""},
		{"every character of a token", []string{"X-!#$%&'*+.^_`|~09azAZ:1"}, http.Header{"X-!#$%&'*+.^_`|~09azaz": {"1"}}, ""},
		{"colon, tab and bytes over 0x7f", []string{"X-A:a:\tb\x80\xff\u0085"}, http.Header{"X-A": {"a:\tb\x80\xff\u0085"}}, ""},
		{"names like refused ones", []string{"X-Date:1", "X-Content:1", "X-DNS:1", "X-:1"}, http.Header{"X-Date": {"1"}, "X-Content": {"1"}, "X-Dns": {"1"}, "X-": {"1"}}, ""},
		{"the most headers", slices.Repeat([]string{"X-A:1"}, 16), http.Header{"X-A": slices.Repeat([]string{"1"}, 16)}, ""},
		{"the longest header", []string{"X-A:" + longest}, http.Header{"X-A": {longest}}, ""},
		{"too many headers", slices.Repeat([]string{"X-A:1"}, 17), nil, "header: want at most 16, of at most 4096 bytes together\n"},
		{"too long", []string{"X-A:" + longest + "x"}, nil, "at most 4096 bytes"},
		{"too long together", []string{"X-A:" + longest, "X-:"}, nil, "at most 4096 bytes"},
		{"empty", []string{""}, nil, `header="": want Name:value`},
		{"no colon", []string{"X-A"}, nil, `header="X-A": want Name:value`},
		{"no name", []string{":1"}, nil, `header=":1": want`},
		{"space before the colon", []string{"X-A :1"}, nil, `header="X-A :1": want`},
		{"space before the name", []string{" X-A:1"}, nil, "want"},
		{"pseudo-header", []string{":status:200"}, nil, "want"},
		{"prefix of a trailer", []string{"Trailer:X-A:1"}, nil, "want a name with X- that commands no browser or proxy, or one of age, allow, cache-control"},
		{"the same name twice", []string{"Location:/a", "location:/b"}, nil, `header="location:/b": want this name once`},
		{"not a token", []string{"X(A:1"}, nil, "want"},
		{"name that is not ASCII", []string{"X-\u00e9:1"}, nil, "want"},
		{"line end", []string{"X-A:1\r\nInjected:1"}, nil, `header="X-A:1\r\nInjected:1": want Name:value without control characters`},
		{"line feed", []string{"X-A:1\nInjected:1"}, nil, "control"},
		{"carriage return", []string{"X-A:1\rInjected:1"}, nil, "control"},
		{"NUL", []string{"X-A:\x00"}, nil, "control"},
		{"DEL", []string{"X-A:a\x7f"}, nil, "control"},
		{"vertical tab", []string{"X-A:a\v"}, nil, "control"},
		{"the second one is invalid", []string{"X-A:1", "X-B"}, nil, `header="X-B"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			query := url.Values{"header": c.parameters}.Encode()
			for _, path := range []string{"/request/a?", "/request?", "/request/a?status=301&size=3&", "/request/a?status=204&", "/request/a?status=304&format=json&"} {
				// The request is by hand, because a client would follow the redirect.
				response := servertest.Exchange(t, server.Addr, "GET "+path+query+" HTTP/1.1\r\nHost: a\r\n\r\n")
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				if c.want == nil {
					if response.StatusCode != 400 || !strings.Contains(string(body), c.says) || !sameNames(response.Header, nil) {
						t.Errorf("%s = %s %v %q, want 400 with %q", path, response.Status, response.Header, body, c.says)
					}
					continue
				}
				for name, want := range c.want {
					if got := response.Header[name]; !slices.Equal(got, want) {
						t.Errorf("%s: %s is %q, want %q", path, name, got, want)
					}
				}
				if response.StatusCode == 400 || !sameNames(response.Header, c.want) {
					t.Errorf("%s = %s %v %q, want the headers %v", path, response.Status, response.Header, body, c.want)
				}
			}
		})
	}

	// url.Query would leave these parameters out, so the header would be missing.
	for query, want := range map[string]string{"header=Set-Cookie:a=b;Path=/": "%3B for ;", "header=X-A:%zz": "%25 for %", "a=b&header=X-A:1;2": "%3B for ;"} {
		if a := servertest.Fetch(t, "GET", server.URL+"/request/a?"+query); a.Status != 400 || !strings.Contains(a.Body, want) {
			t.Errorf("?%s = %d %q, want 400 with %s", query, a.Status, a.Body, want)
		}
	}
}

// sameNames reports whether a response has only the headers that it always has, and
// those in more.
func sameNames(header, more http.Header) bool {
	for name := range header {
		if !slices.Contains([]string{"Content-Type", "Content-Length", "Date", "Vary", "X-Content-Type-Options"}, name) && more[name] == nil {
			return false
		}
	}
	return true
}

// No query turns an echoed byte into HTML or a script, or changes where the response
// ends: only names that cannot are allowed, in any case and with any value.
func TestHeaderParameterRefused(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_ECHO=1")
	for _, name := range []string{
		"Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer", "TE", "Date",
		"X-Content-Type-Options", "Content-Security-Policy", "Vary", "Sec-WebSocket-Accept", "Sec-", "Sec-A",
		"Content-Security-Policy-Report-Only", "Content-Encoding", "Content-Disposition", "Content-Range", "Content-Location",
		"Proxy-Authenticate", "Proxy-Connection", "Refresh", "Link", "Access-Control-Allow-Credentials",
		"X-Accel-Redirect", "X-Accel-Charset", "X-Sendfile", "X-Sendfile2", "X-LiteSpeed-Location", "X-Reproxy-URL",
		"Strict-Transport-Security", "Clear-Site-Data", "NEL", "Report-To", "Reporting-Endpoints", "Alt-Svc", "Service-Worker-Allowed",
		"Speculation-Rules", "Use-As-Dictionary", "No-Vary-Search", "Public-Key-Pins", "X-LIGHTTPD-send-file", "Surrogate-Control",
		"Access-Control-Allow-Origin", "Accept-CH", "Set-Login", "Permissions-Policy", "Edge-Control", "X-UA-Compatible", "HTTP2-Settings",
		"X-Accelerator-Vary", "X-AppEngine-BlobKey", "X-SourceMap", "X-Envoy-Immediate-Health-Check-Fail", "X-Send-File", "X-DNS-Prefetch-Control", "X-XSS-Protection", "X", "A",
	} {
		for _, name := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			for _, query := range []string{"", "&status=301", "&status=204", "&size=3", "&format=json", "&header=X-A:1"} {
				a := servertest.Fetch(t, "GET", server.URL+"/request/a?header="+name+":1"+query)
				if a.Status != 400 || !strings.Contains(a.Body, "want a name with X- that") || !sameNames(a.Header, nil) {
					t.Errorf("?header=%s:1%s = %d %v %q, want 400", name, query, a.Status, a.Header, a.Body)
				}
			}
		}
	}

	// Whatever is asked for, the response has one of these types, and is not sniffed.
	types := []string{response.TextPlain, "application/json", response.OctetStream}
	const script = "<script>alert(1)</script>"
	for _, query := range []string{"", "&format=text", "&format=json", "&format=html", "&size=3", "&size=" + script, "&status=" + script, "&header=X-A:" + script, "&header=" + script} {
		for _, status := range []string{"200", "204", "300", "301", "304", "400", "401", "500"} {
			for _, accept := range []string{"*/*", "text/html", "application/json"} {
				response := servertest.Exchange(t, server.Addr, "POST /request/"+url.PathEscape(script)+"?header=Location:javascript:alert(1)&status="+status+query+
					" HTTP/1.1\r\nHost: a\r\nAccept: "+accept+"\r\nX: "+script+"\r\nContent-Length: 25\r\n\r\n"+script)
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				contentType, nosniff := response.Header["Content-Type"], response.Header["X-Content-Type-Options"]
				if len(body) > 0 && (len(contentType) != 1 || !slices.Contains(types, contentType[0]) || !slices.Equal(nosniff, []string{"nosniff"})) {
					t.Errorf("?status=%s%s with Accept: %s has the headers %v, want one of %q, and nosniff", status, query, accept, response.Header, types)
				}
			}
		}
	}
}

// FuzzHeaderParameter compares the response with and without the parameter: it has at
// most one header more, and ends at the same place.
func FuzzHeaderParameter(f *testing.F) {
	for _, parameter := range []string{"X-A:1", "Location: /", "Content-Type:text/html", "X-A:1\r\nInjected:1", "A:\x00", ":", "te:1", "Sec-A:1", "Set-Cookie:\xff", "Trailer:X-A:1"} {
		f.Add(parameter)
	}
	valid := regexp.MustCompile("^([-!#$%&'*+.^_`|~0-9A-Za-z]+):([^\\x00-\\x08\\x0a-\\x1f\\x7f]*)$")
	allowed := regexp.MustCompile(`(?i)^(x-.*|age|allow|cache-control|etag|expires|last-modified|location|retry-after|server|set-cookie|www-authenticate)$`)
	refused := regexp.MustCompile(`(?i)^x-(appengine|content|dns|envoy|frame|lighttpd|litespeed|permitted|reproxy|ua|webkit|xss)-|^x-(accel|send|sourcemap)`)

	server := server.New(handlers.Routes(nil, nil, settings.Settings{Echo: true}, nil), nil, log.New(io.Discard, "", 0))
	listener := servertest.NewPipeListener()
	go server.Serve(listener)
	f.Cleanup(func() { server.Close() })
	f.Fuzz(func(t *testing.T, parameter string) {
		conn := listener.Dial(t)
		defer conn.Close()
		reader := bufio.NewReader(conn)
		ask := func(query string) (*http.Response, string) {
			go fmt.Fprintf(conn, "GET /request/a?%s HTTP/1.1\r\nHost: a\r\n\r\n", query)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			delete(response.Header, "Date")
			delete(response.Header, "Content-Length") // the body quotes the query
			return response, string(body)
		}
		query := url.Values{"header": {parameter}}.Encode()
		if len(query) > 30_000 {
			return // net/http refuses a longer header
		}
		plain, _ := ask("")
		got, body := ask(query)
		want := 400
		match := valid.FindStringSubmatch(parameter)
		if match != nil && allowed.MatchString(match[1]) && !refused.MatchString(match[1]) && len(parameter) <= 4096 {
			want = 200
			plain.Header.Add(match[1], strings.Trim(match[2], " \t"))
			if !strings.Contains(body, "GET /request/a?"+query+" HTTP/1.1\n") || !strings.HasSuffix(body, "\n\n") {
				t.Errorf("the body is %q", body)
			}
		} else {
			plain.Header.Del("Vary")
		}
		if got.StatusCode != want || !maps.EqualFunc(got.Header, plain.Header, slices.Equal) {
			t.Errorf("header=%q: %s %v, want %d %v", parameter, got.Status, got.Header, want, plain.Header)
		}
		ask("") // fails unless the response has ended
	})
}
