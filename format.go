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
	if accept := r.Header["Accept"]; accept != nil {
		return acceptedFormat(accept, formats), true
	}
	return formats[0], true
}
