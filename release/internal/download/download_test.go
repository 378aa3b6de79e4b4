package download

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGet(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := Get(t.Context(), server.URL+"/file"); err == nil || !strings.Contains(err.Error(), "/file: 404 Not Found") {
		t.Errorf("got the error %v, want one that contains the URL and the status", err)
	}
}
