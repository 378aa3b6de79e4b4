package handlers

import (
	"bytes"
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
)

// overviewHandler responds with everything worth knowing about the process: arguments,
// user, host, limits, version, this request and the endpoints. It responds with
// 503 if the budget has no room for the response.
func overviewHandler(argv []string, endpoints *ordered.Object, memory *memory.Budget) http.HandlerFunc {
	start := time.Now()
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
		}
		var content []byte
		switch f {
		case negotiate.JSON:
			content = append(ordered.AppendJSON(nil, sections), '\n')
		case negotiate.HTML:
			content = page(sections)
		default:
			content = overviewText(sections)
		}
		taken, ok := memory.TakeResponse(w, len(content))
		if !ok {
			return
		}
		defer memory.Release(taken)
		if f == negotiate.HTML {
			w.Header().Set("Content-Security-Policy", pagePolicy)
		}
		response.SendBytes(w, http.StatusOK, f.ContentType, content)
	}
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

// rows returns the lines of a section of the overview, each a name and a value. The
// name of a header follows the word header, so that no client can forge a line.
func rows(section any) (lines [][2]string) {
	switch section := section.(type) {
	case []string:
		for i, element := range section {
			lines = append(lines, [2]string{strconv.Itoa(i), strconv.Quote(element)})
		}
	case ordered.Object:
		for _, m := range section {
			if nested, ok := m.Value.(ordered.Object); ok {
				for _, row := range rows(nested) {
					lines = append(lines, [2]string{strings.TrimSuffix(m.Name, "s") + " " + row[0], row[1]})
				}
				continue
			}
			lines = append(lines, [2]string{m.Name, ordered.Printable(m.Value)})
		}
	}
	return lines
}

func overviewText(sections ordered.Object) []byte {
	var b bytes.Buffer
	for _, section := range sections {
		fmt.Fprintln(&b, section.Name)
		for _, row := range rows(section.Value) {
			fmt.Fprintf(&b, "  %-22s %s\n", row[0], row[1])
		}
	}
	return b.Bytes()
}
