package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/memory"
)

// A body that does not fit into the budget gets 503, a small one fits always, and
// every response gives back what its request has taken.
func TestBodyBudget(t *testing.T) {
	for _, c := range []struct {
		name         string
		budget, body int
		status       int
	}{
		{"none for a small body", 0, memory.FreeBody - 1, 200},
		{"none for a larger one", 0, memory.FreeBody, 503},
		{"enough", memory.MaxBody + memory.BodyPiece, memory.MaxBody, 200},
		{"not enough", memory.MaxBody - memory.BodyPiece, memory.MaxBody, 503},
		{"too large", memory.MaxBody + memory.BodyPiece, memory.MaxBody + 1, 413},
		{"too large and not enough", memory.BodyPiece, memory.MaxBody + 1, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			bodies := memory.NewBudget(int64(c.budget))
			body := strings.Repeat("x", c.body)
			request := httptest.NewRequest("POST", "/request", strings.NewReader(body))
			request.ContentLength = -1
			w := httptest.NewRecorder()
			handlers.RequestHandler(bodies, nil, false)(w, request)
			if w.Code != c.status || (c.status == 200) != strings.HasSuffix(w.Body.String(), "\n\n"+body) {
				t.Errorf("got %d and %d bytes, want %d", w.Code, w.Body.Len(), c.status)
			}
			if got := w.Header().Get("Retry-After"); (got != "") != (c.status == http.StatusServiceUnavailable) {
				t.Errorf("got Retry-After %q with %d", got, c.status)
			}
			if !bodies.Take(int64(c.budget)) {
				t.Error("the response did not give back all of the budget")
			}
		})
	}
}
