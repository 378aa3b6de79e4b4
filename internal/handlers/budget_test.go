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
	"argserver/internal/settings"
)

// A request gets 503 if the budget has no room for its header, or for what a handler
// renders, and gives back what it has taken. One that is larger than the whole budget
// is served if nothing else is held.
func TestReservations(t *testing.T) {
	short, long := "short", strings.Repeat("x", 16<<10)
	for _, c := range []struct {
		name       string
		size, held int64
		header     string
		argument   string
		path       string
		status     int
	}{
		{"short", 0, 0, short, short, "/request", 200},
		{"long", 1 << 20, 0, long, short, "/request", 200},
		{"long as JSON", 1 << 20, 0, long, short, "/request?format=json", 200},
		{"full", 1 << 20, 1 << 20, long, short, "/request", 503},
		{"full, and the target is long", 1 << 20, 1 << 20, short, short, "/request?" + long, 503},
		{"full, and the host is long", 1 << 20, 1 << 20, short, short, "/request", 503},
		{"full, and the method is long", 1 << 20, 1 << 20, short, short, "/request", 503},
		{"full, and trailers are announced", 1 << 20, 1 << 20, short, short, "/request", 503},
		{"full, and the fields are many", 1 << 20, 1 << 20, "", short, "/request", 503},
		{"longer than all", 1 << 10, 0, long, short, "/request", 200},
		{"longer than all, with something held", 1 << 10, 1, long, short, "/request", 503},
		{"overview", 1 << 20, 0, short, long, "/overview", 200},
		{"full overview", 1 << 20, 1 << 20, short, long, "/overview", 503},
		{"full overview as JSON", 1 << 20, 1 << 20, short, long, "/overview?format=json", 503},
		{"full page", 1 << 20, 1 << 20, short, long, "/overview?format=html", 503},
		{"full, with a long header", 1 << 20, 1 << 20, long, short, "/overview", 503},
		{"full, with a short overview", 1 << 20, 1 << 20, short, short, "/overview", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			budget := memory.NewBudget(c.size)
			budget.Take(c.held)
			r := httptest.NewRequest("GET", c.path, nil)
			r.Header["A"] = []string{c.header}
			switch c.name {
			case "full, and the host is long":
				r.Host = long
			case "full, and the method is long":
				r.Method = long
			case "full, and trailers are announced":
				r.Trailer = http.Header{"A": nil}
			}
			if c.header == "" {
				r.Header["A"] = make([]string, 200)
			}
			handler := handlers.RequestHandler(budget, nil, false)
			if strings.HasPrefix(c.path, "/overview") {
				handler = budget.WithHeader(handlers.OverviewHandler([]string{c.argument}, settings.Settings{}, new(ordered.Object), budget))
			}
			w := httptest.NewRecorder()
			handler(w, r)
			if w.Code != c.status {
				t.Errorf("got %d and %d bytes, want %d", w.Code, w.Body.Len(), c.status)
			}
			if c.status == 200 && !strings.Contains(w.Body.String(), c.header) {
				t.Error("the response lacks the header")
			}
			if c.status == 503 && (w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != response.TextPlain) {
				t.Errorf("got the headers %v", w.Header())
			}
			if left := c.size - c.held; !budget.Take(left) || budget.Take(1) {
				t.Errorf("what is left is not %d bytes", left)
			}
		})
	}
}
