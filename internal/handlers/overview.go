package handlers

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"argserver/internal/cgroup"
	"argserver/internal/memory"
	"argserver/internal/negotiate"
	"argserver/internal/ordered"
	"argserver/internal/response"
	"argserver/internal/settings"
)

// overviewHandler responds with everything worth knowing about the process: arguments,
// user, host, limits, version, this request and the endpoints. It responds with
// 503 if the budget has no room for the longest argument.
func overviewHandler(argv []string, s settings.Settings, endpoints *ordered.Object, held *memory.Budget) http.HandlerFunc {
	start := time.Now()
	off := switchedOff(s)
	longest := 0
	for _, arg := range argv {
		longest = max(longest, len(arg))
	}
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := negotiate.Choose(w, r, negotiate.Text, negotiate.JSON, negotiate.HTML)
		if !ok {
			return
		}
		sections := ordered.Object{
			{"arguments", argv},
			{"process", append(processInfo(), ordered.Member{"uptime", time.Since(start).Round(time.Second).String()})},
			{"limits", cgroup.Limits(cgroup.ReadFile)},
			{"version", versionInfo()},
			{"request", requestInfo(r)},
			{"endpoints", *endpoints},
			{"off", off},
		}
		// An argument is rendered at a time. JSON escapes a byte as up to six, in a slice
		// that append may have made larger than needed.
		held.With(w, r, 8*int64(longest), func() {
			if f == negotiate.HTML {
				w.Header().Set("Content-Security-Policy", pagePolicy)
			}
			response.SendHeader(w, http.StatusOK, f.ContentType, 0)
			out := bufio.NewWriter(w)
			defer out.Flush()
			switch f {
			case negotiate.JSON:
				out.WriteString(`{"arguments":`)
				eachElement(argv, func(s string) { out.WriteString(s) })
				out.WriteString("," + string(ordered.AppendJSON(nil, sections[1:])[1:]) + "\n")
			case negotiate.HTML:
				writePage(out, sections)
			default:
				for _, section := range sections {
					fmt.Fprintln(out, section.Name)
					eachRow(section.Value, func(name, value string) { fmt.Fprintf(out, "  %-28s %s\n", name, value) })
				}
			}
		})
	}
}

// switchedOff returns the settings that turn on what is off, each with what that is.
func switchedOff(s settings.Settings) (off ordered.Object) {
	add := func(isOff bool, setting, about string) {
		if isOff {
			off = append(off, ordered.Member{setting, about})
		}
	}
	add(!s.Echo, "ARGSERVER_ECHO=1", "the request at every path without an endpoint, WebSockets, ?header")
	add(s.Env == nil, "ARGSERVER_ENV=HOME,PATH", "these environment variables")
	add(s.AccessLog == "", "ARGSERVER_ACCESS_LOG=1", "a line for each request")
	add(s.TLS == nil, "ARGSERVER_TLS_CERT, _KEY", "TLS")
	return off
}

// processInfo returns the user, directory, host and addresses of the process. It
// omits those that the system does not report.
func processInfo() ordered.Object {
	info := identity(os.Getuid(), os.Getgid())
	if groups, err := os.Getgroups(); err == nil {
		numbers := make([]string, len(groups))
		for i, group := range groups {
			numbers[i] = strconv.Itoa(group)
		}
		info = append(info, ordered.Member{"groups", numbers})
	}
	if directory, err := os.Getwd(); err == nil {
		info = append(info, ordered.Member{"directory", directory})
	}
	if host, err := os.Hostname(); err == nil {
		info = append(info, ordered.Member{"host", host})
	}
	if addresses, err := net.InterfaceAddrs(); err == nil {
		texts := make([]string, len(addresses))
		for i, address := range addresses {
			texts[i] = address.String()
		}
		info = append(info, ordered.Member{"addresses", texts})
	}
	return info
}

// identity returns the numbers of the user and the group, without those that are
// negative: Windows has none.
func identity(user, group int) (info ordered.Object) {
	if user >= 0 {
		info = append(info, ordered.Member{"user", int64(user)})
	}
	if group >= 0 {
		info = append(info, ordered.Member{"group", int64(group)})
	}
	return info
}

// eachRow calls row with the lines of a section of the overview, each a name and a
// value. The name of a header follows the word header, so that no client can forge a
// line.
func eachRow(section any, row func(name, value string)) {
	switch section := section.(type) {
	case []string:
		for i, element := range section {
			row(strconv.Itoa(i), strconv.Quote(element))
		}
	case ordered.Object:
		for _, m := range section {
			if nested, ok := m.Value.(ordered.Object); ok {
				eachRow(nested, func(name, value string) { row(strings.TrimSuffix(m.Name, "s")+" "+name, value) })
				continue
			}
			row(m.Name, ordered.Printable(m.Value))
		}
	}
}

// eachElement calls write with the parts of an array as JSON.
func eachElement(array []string, write func(string)) {
	write("[")
	for i, element := range array {
		if i > 0 {
			write(",")
		}
		write(string(ordered.AppendJSON(nil, element)))
	}
	write("]")
}
