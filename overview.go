package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

var endpoints = object{
	{"/", "this overview; ?format=json, html"},
	{"/args", "the argument vector; ?format=json, shell, nul"},
	{"/args/N", "the bytes of argument N"},
	{"/request", "the request as it arrived; ?format=json, ?wait=250ms, ?status=503"},
	{"/env", "the variables that ARGSERVER_ENV lists; ?format=json"},
	{"/healthz", "200 while it is alive"},
	{"/readyz", "200 while it wants requests"},
	{"/version", "version, commit, date, Go and platform"},
}

// overviewHandler answers with what the process was given: its arguments, where
// and as whom it runs, and how this request arrived.
func overviewHandler(argv []string) http.HandlerFunc {
	start := time.Now()
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := chooseFormat(w, r, formatText, formatJSON, formatHTML)
		if !ok {
			return
		}
		facts := object{
			{"arguments", argv},
			{"process", append(processFacts(), member{"uptime", time.Since(start).Round(time.Second).String()})},
			{"limits", cgroupLimits(readFile)},
			{"version", versionFacts()},
			{"request", requestFacts(r)},
			{"endpoints", endpoints},
		}
		var answer []byte
		switch f.name {
		case formatJSON.name:
			answer = append(appendJSON(nil, facts), '\n')
		case formatHTML.name:
			w.Header()["Content-Security-Policy"] = pagePolicy
			answer = page(facts)
		default:
			answer = overviewText(facts)
		}
		send(w, http.StatusOK, f.contentType, string(answer))
	}
}

func versionFacts() object {
	return object{
		{"version", version},
		{"commit", commit},
		{"date", date},
		{"go", runtime.Version()},
		{"platform", runtime.GOOS + "/" + runtime.GOARCH},
	}
}

// processFacts leave out what the system does not tell.
func processFacts() object {
	facts := object{{"user", int64(os.Getuid())}, {"group", int64(os.Getgid())}}
	if groups, err := os.Getgroups(); err == nil {
		numbers := make([]string, len(groups))
		for i, group := range groups {
			numbers[i] = strconv.Itoa(group)
		}
		facts = append(facts, member{"groups", numbers})
	}
	if directory, err := os.Getwd(); err == nil {
		facts = append(facts, member{"directory", directory})
	}
	if host, err := os.Hostname(); err == nil {
		facts = append(facts, member{"host", host})
	}
	if addresses, err := net.InterfaceAddrs(); err == nil {
		texts := make([]string, len(addresses))
		for i, address := range addresses {
			texts[i] = address.String()
		}
		facts = append(facts, member{"addresses", texts})
	}
	return facts
}

// cgroupLimits are the CPUs and the bytes of memory that the control group of
// the process may use, nil where it sets no limit. Version 2 of control groups
// is tried first, then version 1, where a container sees its own group.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
func cgroupLimits(readFile func(string) string) object {
	_, group, _ := strings.Cut(readFile("/proc/self/cgroup"), "0::")
	var cpus, memory any
	quota, period, _ := strings.Cut(readFile("/sys/fs/cgroup"+group+"/cpu.max"), " ")
	if quota == "" {
		quota, period = readFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), readFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
	}
	q, _ := strconv.Atoi(quota)
	p, _ := strconv.Atoi(period)
	if q > 0 && p > 0 { // not "max" or -1
		cpus = float64(q) / float64(p)
	}
	limit := readFile("/sys/fs/cgroup" + group + "/memory.max")
	if limit == "" {
		limit = readFile("/sys/fs/cgroup/memory/memory.limit_in_bytes")
	}
	// Without a limit version 1 has the largest number of whole pages.
	if bytes, err := strconv.ParseInt(limit, 10, 64); err == nil && bytes < 1<<62 {
		memory = bytes
	}
	return object{{"cpus", cpus}, {"memory", memory}}
}

// readFile returns a file of the system without the line end, and nothing of a
// file that cannot be read.
func readFile(path string) string {
	content, _ := os.ReadFile(path)
	return strings.TrimSpace(string(content))
}

// rows turns a section of the overview into lines of a name and a value.
func rows(section any) (lines [][2]string) {
	switch section := section.(type) {
	case []string:
		for i, element := range section {
			lines = append(lines, [2]string{strconv.Itoa(i), strconv.Quote(element)})
		}
	case object:
		for _, m := range section {
			if nested, ok := m.value.(object); ok {
				lines = append(lines, rows(nested)...)
				continue
			}
			lines = append(lines, [2]string{m.name, printable(m.value)})
		}
	}
	return lines
}

// printable writes a value for a terminal: a text that could do more there than
// be read is quoted.
func printable(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case []string:
		if len(v) == 0 {
			return "none"
		}
		quoted := make([]string, len(v))
		for i, element := range v {
			quoted[i] = printable(element)
		}
		return strings.Join(quoted, ", ")
	case string:
		if quoted := strconv.Quote(v); quoted != `"`+v+`"` {
			return quoted
		}
	}
	return fmt.Sprint(value)
}

func overviewText(facts object) []byte {
	var b bytes.Buffer
	for _, section := range facts {
		fmt.Fprintln(&b, section.name)
		for _, row := range rows(section.value) {
			fmt.Fprintf(&b, "  %-16s %s\n", row[0], row[1])
		}
	}
	return b.Bytes()
}

const pageStyle = `:root{color-scheme:light dark;font:1rem/1.4 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}th{font-weight:400;text-align:left;vertical-align:top;padding-right:2rem;opacity:.7}td{font-family:monospace;white-space:pre-wrap;word-break:break-word}`

// pagePolicy lets the page have its own style and nothing else: should a value
// ever get into it unescaped, it can still not run, load or send anything.
var pagePolicy = func() []string {
	hash := sha256.Sum256([]byte(pageStyle))
	return []string{"default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
}()

var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace

// page is the overview for a browser. html/template would make the binary half
// as large again; here one loop writes every value, and escapes it.
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
