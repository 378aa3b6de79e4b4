package download

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	Waits = []time.Duration{0, 0}
	for _, c := range []struct {
		name    string
		answers []int // a status, or 0 for an answer that ends too early
		fails   string
	}{
		{"good", []int{200}, ""},
		{"rate limit", []int{429, 429, 200}, ""},
		{"server error", []int{502, 200}, ""},
		{"broken in the middle", []int{0, 0, 200}, ""},
		{"rate limit for ever", []int{429, 429, 429}, "/file?key=secret: 429 Too Many Requests"},
		{"broken for ever", []int{0, 0, 0}, "unexpected EOF"},
		{"not found", []int{404}, "/file?key=secret: 404 Not Found"},
		{"forbidden", []int{403}, "403 Forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said bytes.Buffer
			logger.SetOutput(&said)
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status := c.answers[requests]
				requests++
				if status == 0 {
					w.Header().Set("Content-Length", "100")
					status = 200
				}
				w.WriteHeader(status)
				w.Write([]byte("content"))
			}))
			defer server.Close()
			content, err := Get(t.Context(), server.URL+"/file?key=secret")
			if requests != len(c.answers) {
				t.Errorf("it sent %d requests, want %d", requests, len(c.answers))
			}
			if c.fails == "" && (err != nil || string(content) != "content") {
				t.Errorf("got %q (%v), want the content", content, err)
			}
			if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("got the error %v, want one that contains %q", err, c.fails)
			}
			if got, want := errors.Is(err, ErrNotFound), c.name == "not found"; got != want {
				t.Errorf("the error is ErrNotFound: %v, want %v", got, want)
			}
			if strings.Count(said.String(), "\n") != requests-1 || strings.Contains(said.String(), "secret") {
				t.Errorf("it logs %q, want a line for each retry, without the query", &said)
			}
			if requests == 3 && !strings.Contains(said.String(), fmt.Sprintf("GET %s/file: ", server.URL)) || requests == 3 && !strings.Contains(said.String(), "try 3 of 3 follows") {
				t.Errorf("it logs %q, want the URL and which try follows", &said)
			}
		})
	}
}
