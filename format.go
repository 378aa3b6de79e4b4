package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A format is a way to write the same answer.
type format struct {
	name        string // in ?format
	mediaType   string // in Accept, empty where ?format alone selects it
	contentType []string
}

var (
	formatText  = format{"text", "text/plain", []string{"text/plain; charset=utf-8"}}
	formatJSON  = format{"json", "application/json", []string{"application/json"}}
	formatHTML  = format{"html", "text/html", []string{"text/html; charset=utf-8"}}
	formatShell = format{"shell", "", []string{"text/plain; charset=utf-8"}}
	formatNUL   = format{"nul", "", octetStream}
)

// Values of headers that are the same in every response, made once.
var (
	octetStream = []string{"application/octet-stream"}
	nosniff     = []string{"nosniff"}
	varyAccept  = []string{"Accept"}
)

// chooseFormat returns the format that a request asks for, of those that there
// are: by ?format, else by Accept, else the first. For an unknown ?format it
// answers the request itself, with 400, and returns false.
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

// A response is a body with the headers that tell of it. One that never changes
// is made once, and then nothing is allocated to send it.
type response struct {
	contentType, contentLength []string
	body                       string
}

func newResponse(contentType []string, body string) response {
	return response{contentType, []string{strconv.Itoa(len(body))}, body}
}

// send answers with a body whose type is as it says and no other: nosniff keeps
// a browser from taking an argument for a page.
func (r response) send(w http.ResponseWriter, status int) {
	header := w.Header()
	header["Content-Type"] = r.contentType
	header["X-Content-Type-Options"] = nosniff
	header["Content-Length"] = r.contentLength
	w.WriteHeader(status)
	io.WriteString(w, r.body)
}

// send answers with a body that is made for this request.
func send(w http.ResponseWriter, status int, contentType []string, body string) {
	newResponse(contentType, body).send(w, status)
}

// fail answers with what was wrong, in a line of text.
func fail(w http.ResponseWriter, status int, problem string) {
	send(w, status, formatText.contentType, problem+"\n")
}

// An object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any // of a type that appendJSON takes
}

// appendJSON appends a value as JSON. It stands for encoding/json, which would
// add 190 kB to the binary.
func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendJSONString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case []string:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, element)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, m.name), ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	default: // nil
		return append(b, "null"...)
	}
}

// appendJSONString writes each byte that is not UTF-8 as one U+FFFD, as
// encoding/json does.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
