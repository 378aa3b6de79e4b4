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

// overviewHandler answers with everything worth knowing about the process:
// arguments, user, host, limits, version, this request and the endpoints. It answers
// 503 if the budget has no room for the answer.
func overviewHandler(argv []string, endpoints *ordered.Object, memory *memory.Budget) http.HandlerFunc {
	start := time.Now()
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := negotiate.Choose(w, r, negotiate.Text, negotiate.JSON, negotiate.HTML)
		if !ok {
			return
		}
		facts := ordered.Object{
			{"arguments", argv},
			{"process", append(processFacts(), ordered.Member{"uptime", time.Since(start).Round(time.Second).String()})},
			{"limits", cgroup.Limits(cgroup.ReadFile)},
			{"version", versionFacts()},
			{"request", requestFacts(r)},
			{"endpoints", *endpoints},
		}
		var answer []byte
		switch f {
		case negotiate.JSON:
			answer = append(ordered.AppendJSON(nil, facts), '\n')
		case negotiate.HTML:
			answer = page(facts)
		default:
			answer = overviewText(facts)
		}
		taken, ok := memory.TakeResponse(w, len(answer))
		if !ok {
			return
		}
		defer memory.Release(taken)
		if f == negotiate.HTML {
			w.Header().Set("Content-Security-Policy", pagePolicy)
		}
		response.SendBytes(w, http.StatusOK, f.ContentType, answer)
	}
}

// processFacts returns the user, directory, host and addresses of the process. It
// omits those that the system does not report.
func processFacts() ordered.Object {
	facts := identity(os.Getuid(), os.Getgid())
	if groups, err := os.Getgroups(); err == nil {
		numbers := make([]string, len(groups))
		for i, group := range groups {
			numbers[i] = strconv.Itoa(group)
		}
		facts = append(facts, ordered.Member{"groups", numbers})
	}
	if directory, err := os.Getwd(); err == nil {
		facts = append(facts, ordered.Member{"directory", directory})
	}
	if host, err := os.Hostname(); err == nil {
		facts = append(facts, ordered.Member{"host", host})
	}
	if addresses, err := net.InterfaceAddrs(); err == nil {
		texts := make([]string, len(addresses))
		for i, address := range addresses {
			texts[i] = address.String()
		}
		facts = append(facts, ordered.Member{"addresses", texts})
	}
	return facts
}

// identity returns the numbers of the user and the group, without those that are
// negative: Windows has none.
func identity(user, group int) (facts ordered.Object) {
	if user >= 0 {
		facts = append(facts, ordered.Member{"user", int64(user)})
	}
	if group >= 0 {
		facts = append(facts, ordered.Member{"group", int64(group)})
	}
	return facts
}

// rows returns the lines of a section of the overview, each a name and a value. The
// name of a header follows the word header, so that no client can forge a fact.
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

func overviewText(facts ordered.Object) []byte {
	var b bytes.Buffer
	for _, section := range facts {
		fmt.Fprintln(&b, section.Name)
		for _, row := range rows(section.Value) {
			fmt.Fprintf(&b, "  %-22s %s\n", row[0], row[1])
		}
	}
	return b.Bytes()
}
