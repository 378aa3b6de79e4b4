package handlers

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"argserver/internal/ordered"
)

const pageStyle = `:root{color-scheme:light dark;font:1rem/1.4 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}table,textarea{width:100%;box-sizing:border-box}table{table-layout:fixed}th{width:30%;font-weight:400;text-align:left;vertical-align:top;padding-right:1rem}td,textarea{font:.875rem/1.4 monospace;white-space:pre-wrap}th,td,textarea{overflow-wrap:anywhere}`

// pagePolicy allows the page its own style and nothing else. Even a value that
// reached the page unescaped could not run, load or send anything.
var pagePolicy = func() string {
	hash := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace

// writePage writes the overview as HTML. It escapes every value itself, because
// html/template would add 2.6 MB, almost half, to the binary.
func writePage(out *bufio.Writer, sections ordered.Object) {
	out.WriteString("<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content=width=device-width><title>argserver</title><style>" + pageStyle + "</style><h1>argserver</h1>\n")
	// A part at a time, because escapes make a text longer.
	escape := func(s string) {
		for s != "" {
			n := min(len(s), 1024)
			out.WriteString(escapeHTML(s[:n]))
			s = s[n:]
		}
	}
	var argv []string
	for _, section := range sections {
		out.WriteString("<h2>" + section.Name + "</h2><table>\n")
		eachRow(section.Value, func(name, value string) {
			name = escapeHTML(name)
			if section.Name == "endpoints" {
				name = endpointLink(name, len(argv) > 0)
			}
			out.WriteString("<tr><th>" + name + "<td>")
			escape(value)
			out.WriteString("\n")
		})
		out.WriteString("</table>\n")
		if section.Name == "arguments" {
			argv, _ = section.Value.([]string)
			writeCopies(out, argv, escape)
		}
	}
}

// endpointLink returns the name of an endpoint as a link, relative to the page so that
// it works behind a proxy that strips a prefix. Of /args/N only /args/0 is sure to
// exist, if there is an argument, and a browser can ask nothing of a gRPC method.
func endpointLink(name string, arguments bool) string {
	target := name
	switch {
	case name == "/args/N" && arguments:
		target = "/args/0"
	case name == "/args/N", strings.HasPrefix(name, "/grpc."):
		return name
	}
	return `<a href=".` + target + `">` + name + "</a>"
}

// writeCopies writes the arguments as a shell command and as JSON, each in a field of
// its own, where the keyboard selects exactly its text. A field would change carriage
// returns, control characters and bytes that are not UTF-8, so a command with
// those becomes a link.
func writeCopies(out *bufio.Writer, argv []string, escape func(string)) {
	shown := true
	for _, arg := range argv {
		shown = shown && !strings.ContainsFunc(arg, func(r rune) bool { return r == utf8.RuneError || r != '\n' && !strconv.IsPrint(r) })
	}
	if shown {
		out.WriteString("<p><label>Shell command" + textarea)
		eachWord(argv, escape)
		out.WriteString("</textarea></label>\n")
	} else {
		out.WriteString("<p>This page cannot show every byte of the <a href=\"./args?format=shell\">shell command</a>.\n")
	}
	out.WriteString("<p><label>JSON" + textarea)
	eachElement(argv, escape)
	out.WriteString("</textarea></label>\n")
}

// textarea begins a field to copy text from. HTML ignores its first line end. Without
// autocomplete=off Firefox would restore an old text when the page is reloaded.
const textarea = "<textarea readonly rows=3 autocomplete=off>\n"
