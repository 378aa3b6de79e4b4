package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// overviewHandler answers with everything worth knowing about the process:
// arguments, user, host, limits, version, this request and the endpoints. It answers
// 503 if the budget has no room for the answer.
func overviewHandler(argv []string, endpoints object, memory *budget) http.HandlerFunc {
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
		switch f {
		case formatJSON:
			answer = append(appendJSON(nil, facts), '\n')
		case formatHTML:
			answer = page(facts)
		default:
			answer = overviewText(facts)
		}
		taken, ok := memory.takeAnswer(w, len(answer))
		if !ok {
			return
		}
		defer memory.release(taken)
		if f == formatHTML {
			w.Header().Set("Content-Security-Policy", pagePolicy)
		}
		sendBytes(w, http.StatusOK, f.contentType, answer)
	}
}

// processFacts returns the user, directory, host and addresses of the process. It
// omits those that the system does not report.
func processFacts() object {
	facts := identity(os.Getuid(), os.Getgid())
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

// identity returns the numbers of the user and the group, without those that are
// negative: Windows has none.
func identity(user, group int) (facts object) {
	if user >= 0 {
		facts = append(facts, member{"user", int64(user)})
	}
	if group >= 0 {
		facts = append(facts, member{"group", int64(group)})
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
	case object:
		for _, m := range section {
			if nested, ok := m.value.(object); ok {
				for _, row := range rows(nested) {
					lines = append(lines, [2]string{strings.TrimSuffix(m.name, "s") + " " + row[0], row[1]})
				}
				continue
			}
			lines = append(lines, [2]string{m.name, printable(m.value)})
		}
	}
	return lines
}

func overviewText(facts object) []byte {
	var b bytes.Buffer
	for _, section := range facts {
		fmt.Fprintln(&b, section.name)
		for _, row := range rows(section.value) {
			fmt.Fprintf(&b, "  %-22s %s\n", row[0], row[1])
		}
	}
	return b.Bytes()
}
