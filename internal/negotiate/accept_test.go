package negotiate_test

import (
	"mime"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"argserver/internal/negotiate"
)

func TestAcceptedFormat(t *testing.T) {
	for _, c := range []struct {
		accept string
		want   string // of text, JSON and HTML
	}{
		{"", "text"},
		{"*/*", "text"},
		{"application/*", "json"},
		{"APPLICATION/*;Q=0.1", "json"},
		{"text/*", "text"},
		{"text/*;q=0.5, application/*", "json"},
		{"text/plain;q=0, */*", "json"},
		{"*/*, text/plain;q=0", "json"},
		{"text/plain;q=0, text/*", "html"},
		{"text/*;q=0, */*", "json"},
		{"text/*;q=0, text/html;q=0.1, application/json;q=0.05", "html"},
		{"application/json;q=0.2, application/*;q=0.9, text/plain;q=0.3", "text"},
		// The first of those with the same weight.
		{"application/json, text/plain, */*", "json"},
		{"text/html, application/json", "html"},
		{"*/*;q=0.5, application/json;q=0.5", "text"},
		// What browsers send.
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7", "html"},
		// Nothing matches, or everything is refused.
		{"image/png", "text"},
		{"text/plain;q=0", "text"},
		{"*/*;q=0", "text"},
		{"text/plain;q=0, application/json;q=0.000, text/html;q=0.", "text"},
		// Weights.
		{"application/json;q=0.001, text/plain;q=0", "json"},
		{"application/json;q=0.5, text/plain;q=0.49", "json"},
		{"application/json;q=1., text/plain;q=0.999", "json"},
		{"application/json ; q=0.9 , text/plain\t;\tq=0.8", "json"},
		// No weights.
		{"text/plain;q=0.9, application/json;seq=0", "json"},
		{"text/plain;q=0.9, application/json;seq=0;q=0.8", "text"},
		{`text/plain;q=0.9, application/json;a="b;q=0"`, "json"},
		{`text/plain;q=0.9, application/json;a="b\";q=0, text/html"`, "json"},
		{`text/plain;q=0.9, application/json;a="b,c";q=0.8`, "text"},
		// A range with an invalid weight counts for nothing.
		{"application/json;q=x, text/plain;q=0.1", "text"},
		{"application/json;q=2, text/plain;q=0.1", "text"},
		{"application/json;q=1.001, text/plain;q=0.1", "text"},
		{"application/json;q=-1, text/plain;q=0.1", "text"},
		{"application/json;q=+1, text/plain;q=0.1", "text"},
		{"application/json;q=01, text/plain;q=0.1", "text"},
		{"application/json;q=.9, text/plain;q=0.1", "text"},
		{"application/json;q=0.9999, text/plain;q=0.1", "text"},
		{"application/json;q=1e0, text/plain;q=0.1", "text"},
		{"application/json;q=0x1, text/plain;q=0.1", "text"},
		{"application/json;q=, text/plain;q=0.1", "text"},
		{"application/json;q, text/plain;q=0.1", "text"},
		{"application/json;q =1, text/plain;q=0.1", "text"},
		{"application/json;q= 1, text/plain;q=0.1", "text"},
		{`application/json;q="1", text/plain;q=0.1`, "text"},
		{"application/json;q=2, */*", "text"},
		// Other parameters.
		{"application/json;charset=utf-8, text/plain;q=0.9", "json"},
		{"application/json;v=2, */*;q=0.1", "json"},
		{"text/plain;charset=UTF-8;q=0, */*", "json"},
		{`text/plain;charset="utf-8";q=0.1, text/plain, application/json;q=0.5`, "json"},
		{"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5", "text"},
		{"text/plain;format=flowed;q=0, text/plain, */*;q=0.1", "text"},
		{"text/plain;format=flowed, text/plain;q=0.1, application/json;q=0.2", "json"},
		// Not media ranges.
		{"*", "text"},
		{"*/json", "text"},
		{"application/json/, text/plain;q=0.1", "text"},
		{"applicationx/*, text/plain;q=0.1", "text"},
		{",;,q=,;q=;", "text"},
		{`text/html;a=", application/json`, "html"},
	} {
		if got := negotiate.Accepted([]string{c.accept}, []negotiate.Format{negotiate.Text, negotiate.JSON, negotiate.HTML}); got.Name != c.want {
			t.Errorf("Accept: %s gives %s, want %s", c.accept, got.Name, c.want)
		}
	}
	if got := negotiate.Accepted([]string{"text/plain;q=0", "text/html;q=0.5, */*;q=0.4"}, []negotiate.Format{negotiate.Text, negotiate.JSON, negotiate.HTML}); got != negotiate.HTML {
		t.Errorf("two Accept headers give %s, want html", got.Name)
	}
	// ?format alone selects the others.
	if got := negotiate.Accepted([]string{"*/*, text/plain;q=0, application/json;q=0"}, []negotiate.Format{negotiate.Text, negotiate.JSON, negotiate.Shell, negotiate.NUL}); got != negotiate.Text {
		t.Errorf("where Accept refuses text and JSON it gives %s, want text", got.Name)
	}
}

// FuzzAccept compares the weights with those of a plain reading of RFC 9110: every
// range by itself, parsed with the package mime.
func FuzzAccept(f *testing.F) {
	for _, accept := range []string{"text/plain;q=0, */*", "text/html,application/xhtml+xml,*/*;q=0.8", `application/json;a="b;q=0,\"";q=0.5`,
		"text/*;charset=utf-8;q=0.123;x=y, APPLICATION/*;Q=1.000", ",;,q=,;q=", "text/plain;q=2,*/*;q=0."} {
		f.Add(accept)
	}
	formats := []negotiate.Format{negotiate.Text, negotiate.JSON, negotiate.HTML, negotiate.Shell}
	f.Fuzz(func(t *testing.T, accept string) {
		got := negotiate.Accepted([]string{accept}, formats)
		highest := 0
		for _, format := range formats {
			weight, _ := negotiate.AcceptedWeight([]string{accept}, format.MediaType)
			if weight < 0 || weight > 1000 || weight > 0 && format == negotiate.Shell {
				t.Fatalf("Accept: %q gives %s the weight %d", accept, format.Name, weight)
			}
			if want, ok := plainWeight(accept, format.MediaType); ok && weight != want {
				t.Fatalf("Accept: %q gives %s the weight %d, want %d", accept, format.Name, weight, want)
			}
			highest = max(highest, weight)
		}
		if weight, _ := negotiate.AcceptedWeight([]string{accept}, got.MediaType); weight != highest || highest == 0 && got != formats[0] {
			t.Fatalf("Accept: %q gives %s with the weight %d, want the highest, %d", accept, got.Name, weight, highest)
		}
	})
}

// plainWeight returns the weight of a media type in thousandths. It returns false for
// a list that the package mime does not parse or reads in another way.
func plainWeight(accept, mediaType string) (weight int, ok bool) {
	if mediaType == "" {
		return 0, true
	}
	if strings.ContainsAny(accept, "\"\\") || strings.ContainsFunc(accept, func(r rune) bool { return r < ' ' || r > '~' }) {
		return 0, false
	}
	mainType, _, _ := strings.Cut(mediaType, "/")
	specific := 0
	for _, element := range strings.Split(accept, ",") {
		_, after, _ := strings.Cut(element, ";")
		name, parameters, err := mime.ParseMediaType(element)
		if err != nil || strings.Contains(after, "*") { // RFC 2231
			return 0, false
		}
		w := 1000
		if q, ok := parameters["q"]; ok {
			if !regexp.MustCompile(`^(0(\.[0-9]{0,3})?|1(\.0{0,3})?)$`).MatchString(q) {
				continue
			}
			number, _ := strconv.ParseFloat(q, 64)
			w = int(number*1000 + 0.5)
			delete(parameters, "q")
		}
		s := 0
		switch {
		case name == mediaType && len(parameters) == 0:
			s = 4
		case name == mediaType && len(parameters) == 1 && strings.EqualFold(parameters["charset"], "utf-8"):
			s = 5
		case name == mediaType:
			s = 3
		case name == mainType+"/*":
			s = 2
		case name == "*/*":
			s = 1
		}
		if s > specific {
			specific, weight = s, w
		} else if s == specific && s > 0 {
			weight = max(weight, w)
		}
	}
	return weight, true
}
