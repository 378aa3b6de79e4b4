package rehearsal

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
)

// gitHub stands in for GitHub's releases API, which nobody can run: it takes
// the one release that GoReleaser makes and keeps its files in a folder.
// https://docs.github.com/en/rest/releases
type gitHub struct {
	*httptest.Server
	assets string // the folder

	mu      sync.Mutex
	release map[string]any // as the API would show it, nil before it is made
}

// startGitHub starts a stand-in that has one repository, OWNER/NAME.
func startGitHub(repository, assets string) *gitHub {
	g := &gitHub{assets: assets}
	releases := "/repos/" + repository + "/releases"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/rate_limit", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"resources": {"core": {"limit": 5000, "remaining": 5000}}}`)
	})
	mux.HandleFunc("POST /api/v3"+releases, g.edit)
	mux.HandleFunc("PATCH /api/v3"+releases+"/1", g.edit)
	mux.HandleFunc("POST /api/uploads"+releases+"/1/assets", g.upload)
	// All else, above all the release of the tag before it is made, is a 404.
	g.Server = httptest.NewServer(mux)
	return g
}

// edit makes the release or changes some of it.
func (g *gitHub) edit(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := json.NewDecoder(r.Body).Decode(&g.release); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.release["id"] = 1
	json.NewEncoder(w).Encode(g.release)
}

func (g *gitHub) upload(w http.ResponseWriter, r *http.Request) {
	file, err := os.OpenFile(filepath.Join(g.assets, filepath.Base(r.FormValue("name"))), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
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
