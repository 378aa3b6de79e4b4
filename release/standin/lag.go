package standin

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// A LaggingRegistry passes requests on to a registry and shows a change late, as GHCR
// does: the first read of a tag after a change, and of the list of tags, shows the
// state before it.
type LaggingRegistry struct {
	registry http.Handler

	mu     sync.Mutex
	before map[string]*httptest.ResponseRecorder // responses to the next read, by path
}

// NewLaggingRegistry returns a LaggingRegistry without any change to show.
func NewLaggingRegistry(registry http.Handler) *LaggingRegistry {
	return &LaggingRegistry{registry: registry, before: make(map[string]*httptest.ResponseRecorder)}
}

// Settle lets the time pass that the registry needs to show every change.
func (l *LaggingRegistry) Settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.before)
}

func (l *LaggingRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	repository, reference, found := strings.Cut(r.URL.Path, "/manifests/")
	switch isTag := found && !strings.Contains(reference, ":"); {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		l.mu.Lock()
		before := l.before[r.URL.Path]
		delete(l.before, r.URL.Path)
		l.mu.Unlock()
		if before == nil {
			break
		}
		maps.Copy(w.Header(), before.Header())
		w.WriteHeader(before.Code)
		if r.Method == http.MethodGet {
			io.Copy(w, before.Body)
		}
		return
	case isTag:
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, path := range []string{r.URL.Path, repository + "/tags/list"} {
			l.before[path] = l.read(r, path)
		}
	}
	l.registry.ServeHTTP(w, r)
}

// read returns the response of the registry to a GET request.
func (l *LaggingRegistry) read(r *http.Request, path string) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(r.Context(), http.MethodGet, path, nil)
	request.Host = r.Host
	// A registry hides a manifest from a client that does not accept its type.
	request.Header["Accept"] = []string{"application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"}
	response := httptest.NewRecorder()
	l.registry.ServeHTTP(response, request)
	return response
}
