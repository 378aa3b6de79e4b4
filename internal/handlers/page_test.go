package handlers_test

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/ordered"
	"argserver/internal/servertest"
)

func TestPage(t *testing.T) {
	server := servertest.Serve(t, hostileArgv)
	a := servertest.Fetch(t, "GET", server.URL+"/", "Accept", "text/html", "X-Evil", "<img src=x onerror=alert(1)>")
	const policy = `^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`
	if got := a.Header.Get("Content-Security-Policy"); !regexp.MustCompile(policy).MatchString(got) {
		t.Errorf("Content-Security-Policy = %q, want %s", got, policy)
	}
	for _, want := range []string{"<td>&#34;&#34;\n", "&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;img src=x onerror=alert(1)&gt;"} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the page lacks %q:\n%s", want, a.Body)
		}
	}
	for _, never := range []string{"<script", "<img", "http://127", "style=", "src=\""} {
		if strings.Contains(a.Body, never) {
			t.Errorf("the page contains %q:\n%s", never, a.Body)
		}
	}
}

// Every endpoint that a browser can ask is a link, relative to the page, to something
// that exists.
func TestPageLinks(t *testing.T) {
	link := regexp.MustCompile(`<a href="\.(/[^"]*)">([^<]*)</a>`)
	for _, argv := range [][]string{nil, {"/argserver"}, {"/argserver", "a"}} {
		server := servertest.Serve(t, argv, "ARGSERVER_ENV=HOME")
		body := servertest.Fetch(t, "GET", server.URL+"/?format=html").Body
		linked := make(map[string]string)
		for _, l := range link.FindAllStringSubmatch(body, -1) {
			linked[l[2]] = l[1]
			if a := servertest.Fetch(t, "HEAD", server.URL+l[1]); a.Status != 200 {
				t.Errorf("the link %s got %d, want 200", l[1], a.Status)
			}
		}
		for endpoint := range endpoints(t) {
			want := endpoint
			switch {
			case want == "/args/N" && len(argv) > 0:
				want = "/args/0"
			case want == "/args/N", strings.HasPrefix(want, "/grpc."):
				want = ""
			}
			if got := linked[endpoint]; got != want {
				t.Errorf("with the arguments %q %s links to %q, want %q", argv, endpoint, got, want)
			}
		}
		if got := strings.Count(body, "href="); got != len(linked) {
			t.Errorf("the page has %d links, want %d", got, len(linked))
		}
	}
}

// The fields hold exactly what /args answers. The browser keeps line ends in a field,
// and not carriage returns, control characters or bytes that are not UTF-8.
func TestPageCopies(t *testing.T) {
	field := regexp.MustCompile(`(?s)<label>([^<]*)<textarea readonly rows=3 autocomplete=off>\n([^<]*)</textarea>`)
	for _, c := range slices.Concat(vectors, []struct {
		name string
		argv []string
	}{{"hostile", hostileArgv}, {"hidden", []string{"/argserver", "\u202egnp.exe"}}, {"carriage return", []string{"/argserver", "a\rb"}}, {"C1", []string{"/argserver", "\u009b31m"}}}) {
		t.Run(c.name, func(t *testing.T) {
			body := string(handlers.Page(ordered.Object{{"arguments", c.argv}}))
			copies := make(map[string]string)
			for _, f := range field.FindAllStringSubmatch(body, -1) {
				copies[f[1]] = html.UnescapeString(f[2])
			}
			wantJSON(t, copies["JSON"], c.argv)
			if strings.ContainsAny(copies["JSON"], "\r\n\x1b\u009b") {
				t.Errorf("the JSON has bytes that a field changes: %.200q", copies["JSON"])
			}
			command, copied := copies["Shell command"]
			plain := !slices.Contains([]string{"newlines", "not UTF-8", "every byte", "for a shell", "formats", "hostile", "hidden", "carriage return", "C1"}, c.name)
			if copied != plain || copied == strings.Contains(body, `<a href="./args?format=shell">shell command</a>`) {
				t.Errorf("the shell command is a field: %v, want %v, and a link otherwise:\n%.1000s", copied, plain, body)
			}
			if copied && command != handlers.ShellCommand(c.argv) {
				t.Errorf("the shell command is %.200q, want %.200q", command, handlers.ShellCommand(c.argv))
			}
		})
	}
	if body := string(handlers.Page(ordered.Object{{"arguments", []string{"/argserver", "a\n b\n"}}})); !strings.Contains(body, "<textarea readonly rows=3 autocomplete=off>\n/argserver &#39;a\n b\n&#39;</textarea>") {
		t.Errorf("the page lacks the command with its line ends:\n%s", body)
	}
}

// FuzzPage checks that no value changes the tags of the page, wherever it appears.
// Only a command that a field cannot show replaces the field by a link.
func FuzzPage(f *testing.F) {
	for _, s := range hostileArgv {
		f.Add(s)
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	skeleton := func(value string) []string {
		return tags.FindAllString(string(handlers.Page(ordered.Object{
			{"arguments", []string{value, "/" + value}},
			{"process", ordered.Object{{"directory", value}, {"headers", ordered.Object{{"X", []string{value, value}}, {value, value}}}}},
			{"endpoints", ordered.Object{{"/", "a"}, {"/args/N", "b"}, {"/grpc.a/B", "c"}}},
		})), -1)
	}
	field, link := skeleton("a"), skeleton("\x1b")
	if slices.Equal(field, link) {
		f.Fatal("a control character is in a field")
	}
	f.Fuzz(func(t *testing.T, value string) {
		if got := skeleton(value); !slices.Equal(got, field) && !slices.Equal(got, link) {
			t.Errorf("with %q the page has the tags %q", value, got)
		}
	})
}
