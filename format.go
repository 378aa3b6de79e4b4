package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// A format is a way to write the same answer.
type format struct {
	name        string // in ?format
	mediaType   string // in Accept, empty where ?format alone selects it
	contentType string
}

var (
	formatText  = format{"text", "text/plain", textPlain}
	formatJSON  = format{"json", "application/json", "application/json"}
	formatHTML  = format{"html", "text/html", "text/html; charset=utf-8"}
	formatShell = format{"shell", "", textPlain}
	formatNUL   = format{"nul", "", octetStream}
)

// fixed answers with a body that never changes, in the format that a request
// asks for. Each body is made when it is first asked for: those of the longest
// vectors take a while, and few clients want them all.
func fixed(body func(format) string, formats ...format) http.HandlerFunc {
	bodies := make(map[format]func() string)
	for _, f := range formats {
		bodies[f] = sync.OnceValue(func() string { return body(f) })
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if f, ok := chooseFormat(w, r, formats...); ok {
			send(w, http.StatusOK, f.contentType, bodies[f]())
		}
	}
}

// chooseFormat returns the format that a request asks for, of those that there
// are: by ?format, else by Accept, else the first. For an unknown ?format it
// answers the request itself, with 400, and returns false.
func chooseFormat(w http.ResponseWriter, r *http.Request, formats ...format) (format, bool) {
	w.Header().Set("Vary", "Accept")
	if r.URL.RawQuery != "" {
		if query := r.URL.Query(); query.Has("format") {
			name := query.Get("format")
			known := make([]string, len(formats))
			for i, f := range formats {
				if f.name == name {
					return f, true
				}
				known[i] = f.name
			}
			fail(w, http.StatusBadRequest, fmt.Sprintf("format=%q: want one of %s", name, strings.Join(known, ", ")))
			return format{}, false
		}
	}
	return acceptedFormat(r.Header["Accept"], formats), true
}

// acceptedFormat returns the format with the highest weight in Accept, the first
// named of several, or the first there is: a client that accepts nothing of what
// there is gets an answer all the same.
// https://www.rfc-editor.org/rfc/rfc9110#name-accept
func acceptedFormat(accept []string, formats []format) format {
	if accept == nil {
		return formats[0]
	}
	best, bestWeight := formats[0], ""
	for _, mediaRange := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, parameters, _ := strings.Cut(mediaRange, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
		// Weights have at most three decimals and are at most 1, so that they
		// compare as text once the zeros at their end are gone: 0 is "".
		weight := "1"
		if _, q, ok := strings.Cut(strings.ToLower(parameters), "q="); ok {
			q, _, _ = strings.Cut(q, ";")
			weight = strings.TrimRight(strings.TrimSpace(q), "0.")
		}
		if weight <= bestWeight {
			continue
		}
		for _, f := range formats {
			if mediaType != "" && f.mediaType == mediaType || mediaType == "*/*" {
				best, bestWeight = f, weight
				break
			}
		}
	}
	return best
}
