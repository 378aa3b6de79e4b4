// Package negotiate chooses the format of a response by ?format and Accept.
package negotiate

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"argserver/internal/response"
)

// A Format is one way to write a response.
type Format struct {
	Name        string // value of ?format
	MediaType   string // in Accept; empty if only ?format selects it
	ContentType string
}

var (
	Text  = Format{"text", "text/plain", response.TextPlain}
	JSON  = Format{"json", "application/json", "application/json"}
	HTML  = Format{"html", "text/html", "text/html; charset=utf-8"}
	Shell = Format{"shell", "", response.TextPlain}
	NUL   = Format{"nul", "", response.OctetStream}
)

// Fixed responds with a body that never changes, in the format that the request
// asks for. It makes each body at the first request for it, because the longest
// vectors take milliseconds and megabytes, and few clients need every format.
func Fixed(body func(Format) []byte, formats ...Format) http.HandlerFunc {
	bodies := make(map[Format]func() []byte)
	for _, f := range formats {
		bodies[f] = sync.OnceValue(func() []byte { return body(f) })
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if f, ok := Choose(w, r, formats...); ok {
			response.SendBytes(w, http.StatusOK, f.ContentType, bodies[f]())
		}
	}
}

// Choose returns the format that the request asks for: the one that ?format
// names, otherwise the one that Accept prefers, otherwise the first. If ?format
// names none of them, it responds with 400 and returns false.
func Choose(w http.ResponseWriter, r *http.Request, formats ...Format) (Format, bool) {
	w.Header()["Vary"] = response.VaryAccept
	if r.URL.RawQuery != "" {
		query, err := Query(r.URL.RawQuery, "format")
		if err != nil {
			response.Fail(w, http.StatusBadRequest, err.Error())
			return Format{}, false
		}
		if query.Has("format") {
			name := query.Get("format")
			known := make([]string, len(formats))
			for i, f := range formats {
				if f.Name == name {
					return f, true
				}
				known[i] = f.Name
			}
			response.Fail(w, http.StatusBadRequest, fmt.Sprintf("format=%q: want one of %s", name, strings.Join(known, ", ")))
			return Format{}, false
		}
	}
	return ChooseAccepted(w, r, formats...)
}

// ChooseAccepted is Choose without regard to ?format, and so always returns true.
func ChooseAccepted(w http.ResponseWriter, r *http.Request, formats ...Format) (Format, bool) {
	w.Header()["Vary"] = response.VaryAccept
	if accept := r.Header["Accept"]; accept != nil {
		return acceptedFormat(accept, formats), true
	}
	return formats[0], true
}
