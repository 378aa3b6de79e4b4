package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/memory"
	"argserver/internal/ordered"
	"argserver/internal/response"
)

// A long response gets 503 if the budget has no room for it, and gives back what it has
// taken. One that is longer than the whole budget is answered if nothing else is held.
func TestAnswerBudget(t *testing.T) {
	short, long := "short", strings.Repeat("x", 2*memory.FreeBody)
	for _, c := range []struct {
		name       string
		size, held int64
		header     string
		path       string
		status     int
	}{
		{"short", 0, 0, short, "/request", 200},
		{"long", 1 << 20, 0, long, "/request", 200},
		{"long as JSON", 1 << 20, 0, long, "/request?format=json", 200},
		{"full", 1 << 20, 1 << 20, long, "/request", 503},
		{"full, as JSON", 1 << 20, 1 << 20, long, "/request?format=json", 503},
		{"longer than all", memory.FreeBody, 0, long, "/request", 200},
		{"longer than all, with something held", memory.FreeBody, 1, long, "/request", 503},
		{"overview", 1 << 20, 0, long, "/overview", 200},
		{"full overview", 1 << 20, 1 << 20, long, "/overview", 503},
		{"full page", 1 << 20, 1 << 20, long, "/overview?format=html", 503},
		{"full, as JSON overview", 1 << 20, 1 << 20, long, "/overview?format=json", 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory := memory.NewBudget(c.size)
			memory.Take(c.held)
			r := httptest.NewRequest("GET", c.path, nil)
			r.Header.Set("A", c.header)
			w := httptest.NewRecorder()
			if strings.HasPrefix(c.path, "/request") {
				handlers.RequestHandler(memory, nil, false)(w, r)
			} else {
				handlers.OverviewHandler(nil, new(ordered.Object), memory)(w, r)
			}
			if w.Code != c.status || (c.status == 200) != strings.Contains(w.Body.String(), c.header) {
				t.Errorf("got %d and %d bytes, want %d", w.Code, w.Body.Len(), c.status)
			}
			if c.status == http.StatusServiceUnavailable && (w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != response.TextPlain) {
				t.Errorf("got the headers %v", w.Header())
			}
			if left := c.size - c.held; !memory.Take(left) || memory.Take(1) {
				t.Errorf("what is left is not %d bytes", left)
			}
		})
	}
}
