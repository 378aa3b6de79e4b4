package rehearsal

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

// gitHub stands in for GitHub's releases API, which nobody can run, as far as a
// release uses it. The files of a release are in a folder of its own.
// https://docs.github.com/en/rest/releases
type gitHub struct {
	*httptest.Server
	folder string

	mu       sync.Mutex
	releases map[int64]map[string]any // by their id, as the API shows them
}

// startGitHub starts a stand-in that has one repository, OWNER/NAME.
func startGitHub(repository, folder string) *gitHub {
	g := &gitHub{folder: folder, releases: make(map[int64]map[string]any)}
	releases := "/repos/" + repository + "/releases"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/rate_limit", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"resources": {"core": {"limit": 5000, "remaining": 5000}}}`)
	})
	mux.HandleFunc("GET /api/v3"+releases, g.list)
	mux.HandleFunc("POST /api/v3"+releases, g.edit)
	mux.HandleFunc("PATCH /api/v3"+releases+"/{id}", g.edit)
	mux.HandleFunc("DELETE /api/v3"+releases+"/{id}", g.delete)
	mux.HandleFunc("POST /api/uploads"+releases+"/{id}/assets", g.upload)
	// All else is a 404, as the release of a tag is while it is a draft.
	g.Server = httptest.NewServer(mux)
	return g
}

func (g *gitHub) list(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	json.NewEncoder(w).Encode(slices.Collect(maps.Values(g.releases)))
}

// edit makes a release or changes some of it.
func (g *gitHub) edit(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if r.Method == http.MethodPost {
		id = int64(len(g.releases) + 1)
		if err := os.Mkdir(g.assets(id), 0o777); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	release := maps.Clone(g.releases[id])
	if err := json.NewDecoder(r.Body).Decode(&release); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	release["id"] = id
	g.releases[id] = release
	json.NewEncoder(w).Encode(release)
}

func (g *gitHub) delete(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	delete(g.releases, id)
	os.RemoveAll(g.assets(id))
	w.WriteHeader(http.StatusNoContent)
}

func (g *gitHub) upload(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	file, err := os.OpenFile(filepath.Join(g.assets(id), filepath.Base(r.FormValue("name"))), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = io.Copy(file, r.Body)
		file.Close()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, `{"id": 1}`)
}

// assets is the folder of a release's files.
func (g *gitHub) assets(id int64) string {
	return filepath.Join(g.folder, fmt.Sprint("release-", id))
}
