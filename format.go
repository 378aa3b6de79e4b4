package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// A format is one way to write an answer.
type format struct {
	name        string // value of ?format
	mediaType   string // in Accept; empty if only ?format selects it
	contentType string
}

var (
	formatText  = format{"text", "text/plain", textPlain}
	formatJSON  = format{"json", "application/json", "application/json"}
	formatHTML  = format{"html", "text/html", "text/html; charset=utf-8"}
	formatShell = format{"shell", "", textPlain}
	formatNUL   = format{"nul", "", octetStream}
)

// fixed answers with a body that never changes, in the format that the request
// asks for. It makes each body at the first request for it, because the longest
// vectors take milliseconds and megabytes, and few clients need every format.
func fixed(body func(format) string, formats ...format) http.HandlerFunc {
	bodies := make(map[format]func() []byte)
	for _, f := range formats {
		bodies[f] = sync.OnceValue(func() []byte { return []byte(body(f)) })
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if f, ok := chooseFormat(w, r, formats...); ok {
			sendBytes(w, http.StatusOK, f.contentType, bodies[f]())
		}
	}
}

// chooseFormat returns the format that the request asks for: the one that ?format
// names, otherwise the one that Accept prefers, otherwise the first. If ?format
// names none of them, it answers 400 and returns false.
func chooseFormat(w http.ResponseWriter, r *http.Request, formats ...format) (format, bool) {
	w.Header()["Vary"] = varyAccept
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

// acceptedFormat returns the format with the highest weight in Accept. If several
// have it, the one named first wins. If Accept matches none, it returns the first
// format, because an answer helps more than 406 does.
// https://www.rfc-editor.org/rfc/rfc9110#name-accept
func acceptedFormat(accept []string, formats []format) format {
	if accept == nil {
		return formats[0]
	}
	best, bestWeight := formats[0], ""
	for _, mediaRange := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, parameters, _ := strings.Cut(mediaRange, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
		// A weight is at most 1 and has at most three decimals, so weights compare
		// as text once their trailing zeros are gone: 0 becomes "".
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
