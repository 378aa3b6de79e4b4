package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

const pageStyle = `:root{color-scheme:light dark;font:1rem/1.4 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}th{font-weight:400;text-align:left;vertical-align:top;padding-right:2rem;opacity:.7}td{font-family:monospace;white-space:pre-wrap;word-break:break-word}`

// pagePolicy allows the page its own style and nothing else. Even a value that
// reached the page unescaped could not run, load or send anything.
var pagePolicy = func() string {
	hash := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace

// page returns the overview as HTML. It escapes every value itself, because
// html/template would add 2.6 MB, almost half, to the binary.
func page(facts object) []byte {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content=width=device-width><title>argserver</title><style>" + pageStyle + "</style><h1>argserver</h1>\n")
	for _, section := range facts {
		fmt.Fprintf(&b, "<h2>%s</h2><table>\n", section.name)
		for _, row := range rows(section.value) {
			fmt.Fprintf(&b, "<tr><th>%s<td>%s\n", escapeHTML(row[0]), escapeHTML(row[1]))
		}
		b.WriteString("</table>\n")
	}
	return b.Bytes()
}
