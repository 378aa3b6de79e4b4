package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	server := serveTest(t, hostileArgv)
	a := fetch(t, "GET", server.url+"/", "Accept", "text/html", "X-Evil", "<img src=x onerror=alert(1)>")
	const policy = `^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`
	if got := a.header.Get("Content-Security-Policy"); !regexp.MustCompile(policy).MatchString(got) {
		t.Errorf("Content-Security-Policy = %q, want %s", got, policy)
	}
	for _, want := range []string{"<td>&#34;&#34;\n", "&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;img src=x onerror=alert(1)&gt;"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, a.body)
		}
	}
	for _, never := range []string{"<script", "<img", "http://127", "href=", "src=\""} {
		if strings.Contains(a.body, never) {
			t.Errorf("the page contains %q:\n%s", never, a.body)
		}
	}
}

// FuzzPage checks that no value changes the tags of the page, wherever it appears.
func FuzzPage(f *testing.F) {
	for _, s := range hostileArgv {
		f.Add(s)
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	skeleton := func(value string) []string {
		return tags.FindAllString(string(page(object{
			{"arguments", []string{value, "/" + value}},
			{"process", object{{"directory", value}, {"headers", object{{"X", []string{value, value}}}}}},
		})), -1)
	}
	want := skeleton("a")
	f.Fuzz(func(t *testing.T, value string) {
		if got := skeleton(value); !slices.Equal(got, want) {
			t.Errorf("with %q the page has the tags %q", value, got)
		}
	})
}
