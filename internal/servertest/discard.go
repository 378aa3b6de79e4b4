package servertest

import (
	"net/http"
)

type DiscardWriter http.Header

func (w DiscardWriter) Header() http.Header { return http.Header(w) }

func (w DiscardWriter) Write(b []byte) (int, error) { return len(b), nil }

func (w DiscardWriter) WriteHeader(int) {}

// WriteString spares the copy of a string, as the one of net/http does.
func (w DiscardWriter) WriteString(s string) (int, error) { return len(s), nil }
