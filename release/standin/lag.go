package standin

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// A LaggingRegistry passes requests on to a registry and shows a change late, as GHCR
// does: the first reads of a tag after a change, and of the list of tags, show the state
// before it.
type LaggingRegistry struct {
	registry http.Handler
	reads    int

	mu     sync.Mutex
	before map[string]*stale // by path
}

// A stale response is what some more reads get.
type stale struct {
	*httptest.ResponseRecorder
	reads int
}

// NewLaggingRegistry returns a LaggingRegistry. reads is the number of reads that show
// the state before a change.
func NewLaggingRegistry(registry http.Handler, reads int) *LaggingRegistry {
	return &LaggingRegistry{registry: registry, reads: reads, before: make(map[string]*stale)}
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
		if before != nil {
			before.reads--
		}
		l.mu.Unlock()
		if before == nil || before.reads < 0 {
			break
		}
		maps.Copy(w.Header(), before.Header())
		w.WriteHeader(before.Code)
		if r.Method == http.MethodGet {
			w.Write(before.Body.Bytes())
		}
		return
	case isTag:
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, path := range []string{r.URL.Path, repository + "/tags/list"} {
			l.before[path] = &stale{l.read(r, path), l.reads}
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
