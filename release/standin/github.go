// Package standin replaces the parts of GitHub that the workflows use: the releases
// API, the download URLs, the container registry and some actions.
package standin

import (
	"cmp"
	"crypto/sha256"
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

// GitHub implements the releases API and the public download URLs of one
// repository, as far as the workflows use them. The first list of the releases after a
// change shows the state before it, as GitHub's sometimes does.
// https://docs.github.com/en/rest/releases
type GitHub struct {
	*httptest.Server
	repository string
	folder     string

	mu       sync.Mutex
	releases map[int64]Release
	assets   map[int64]asset
	lastID   int64
	before   []Release // what the next list shows, if not nil
	unlisted string    // a tag whose release the list lacks
}

// A Release is the JSON object that the API returns for a release.
type Release map[string]any

type asset struct {
	release int64
	name    string
}

// perPage is the default page size of the API.
const perPage = 30

// StartGitHub starts a stand-in with one repository, OWNER/NAME. It keeps the
// assets of the releases in a folder.
func StartGitHub(repository, folder string) *GitHub {
	g := &GitHub{repository: repository, folder: folder, releases: make(map[int64]Release), assets: make(map[int64]asset)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/rate_limit", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"resources": {"core": {"limit": 5000, "remaining": 5000}}}`)
	})
	releases := "/repos/" + repository + "/releases"
	handlers := map[string]http.HandlerFunc{
		"GET /api/v3" + releases:                        g.list,
		"POST /api/v3" + releases:                       g.edit,
		"GET /api/v3" + releases + "/latest":            g.getLatest,
		"GET /api/v3" + releases + "/tags/{tag}":        g.getByTag,
		"PATCH /api/v3" + releases + "/{id}":            g.edit,
		"DELETE /api/v3" + releases + "/{id}":           g.delete,
		"POST /api/uploads" + releases + "/{id}/assets": g.upload,
		"DELETE /api/v3" + releases + "/assets/{id}":    g.deleteAsset,
		// ServeMux rejects /{id}/assets beside /assets/{id}: both match /assets/assets.
		"GET /api/v3" + releases + "/{first}/{second}": g.readAssets,
	}
	for pattern, handler := range handlers {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				http.Error(w, `{"message": "Requires authentication"}`, http.StatusUnauthorized)
				return
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			before := g.all()
			handler(w, r)
			if r.Method != http.MethodGet {
				g.before = before
			}
		})
	}
	mux.HandleFunc("GET /"+repository+"/releases/download/{tag}/{name}", g.download)
	mux.HandleFunc("GET /"+repository+"/releases/latest", g.redirectLatest)
	mux.HandleFunc("GET /"+repository+"/releases/latest/download/{name}", g.redirectLatest)
	g.Server = httptest.NewServer(mux)
	return g
}

// Releases returns all releases by id.
func (g *GitHub) Releases() map[int64]Release {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.releases)
}

// Settle lets the time pass that GitHub needs to list every change.
func (g *GitHub) Settle() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = nil
}

// Unlist makes the list of the releases lack those of a tag.
func (g *GitHub) Unlist(tag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unlisted = tag
}

// Assets returns the folder with the assets of a release.
func (g *GitHub) Assets(id int64) string {
	return filepath.Join(g.folder, fmt.Sprint("release-", id))
}

func (g *GitHub) newID() int64 {
	g.lastID++
	return g.lastID
}

func (g *GitHub) list(w http.ResponseWriter, r *http.Request) {
	all := g.before
	if all == nil {
		all = g.all()
	}
	g.before = nil
	json.NewEncoder(w).Encode(slices.DeleteFunc(all, func(release Release) bool { return release["tag_name"] == g.unlisted }))
}

func (g *GitHub) all() []Release {
	all := []Release{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(g.releases))) {
		all = append(all, g.render(id))
	}
	return all
}

// render returns a release with the list of its assets.
func (g *GitHub) render(id int64) Release {
	release := maps.Clone(g.releases[id])
	release["assets"] = g.assetsOf(id)
	return release
}

func (g *GitHub) assetsOf(release int64) []map[string]any {
	assets := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(g.assets)) {
		if a := g.assets[id]; a.release == release {
			content, _ := os.ReadFile(g.path(a))
			assets = append(assets, map[string]any{"id": id, "name": a.name, "digest": fmt.Sprintf("sha256:%x", sha256.Sum256(content))})
		}
	}
	return assets
}

// getByTag answers with the public release of a tag.
func (g *GitHub) getByTag(w http.ResponseWriter, r *http.Request) {
	for id, release := range g.releases {
		if release["draft"] == false && release["tag_name"] == r.PathValue("tag") {
			json.NewEncoder(w).Encode(g.render(id))
			return
		}
	}
	http.Error(w, `{"message": "Not Found"}`, http.StatusNotFound)
}

// getLatest answers with the latest release.
func (g *GitHub) getLatest(w http.ResponseWriter, r *http.Request) {
	id := g.latest()
	if id == 0 {
		http.Error(w, `{"message": "Not Found"}`, http.StatusNotFound)
		return
	}
	json.NewEncoder(w).Encode(g.render(id))
}

// latest returns the id of the release that was last made the latest one, or of
// the newest if that one is gone. It is never a draft or a prerelease.
func (g *GitHub) latest() int64 {
	var newest int64
	for id, release := range g.releases {
		if release["draft"] == true || release["prerelease"] == true {
			continue
		}
		if release["make_latest"] == "true" {
			return id
		}
		newest = max(newest, id)
	}
	return newest
}

// AddByHand makes a release as a person does on the web page, and returns its id. A
// public one becomes the latest. It has the files that are put into its folder, but
// the API does not list them.
func (g *GitHub) AddByHand(tag string, draft bool) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := g.newID()
	g.releases[id] = Release{"id": id, "tag_name": tag, "name": "By hand", "author": map[string]string{"login": "somebody"}}
	g.setDraft(id, draft)
	os.Mkdir(g.Assets(id), 0o777)
	return id
}

// setDraft makes a release a draft or public. A release that becomes public also
// becomes the latest, unless make_latest says otherwise.
func (g *GitHub) setDraft(id int64, draft bool) {
	release := g.releases[id]
	if !draft && release["make_latest"] == nil && release["prerelease"] != true {
		release["make_latest"] = "true"
	}
	release["draft"] = draft
	if draft || release["make_latest"] != "true" {
		return
	}
	for other, release := range g.releases {
		if other != id && release["make_latest"] == "true" {
			release["make_latest"] = "false"
		}
	}
}

// edit creates a release or changes the given fields of one. A draft loses its tag if
// the request neither names the tag nor makes the release public.
func (g *GitHub) edit(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	given := make(Release)
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	release := given
	if r.Method == http.MethodPatch {
		if release = maps.Clone(g.releases[id]); release == nil {
			http.Error(w, `{"message": "Not Found"}`, http.StatusNotFound)
			return
		}
		if release["draft"] == true && given["tag_name"] == nil && given["draft"] != false {
			given["tag_name"] = fmt.Sprint("untagged-", id)
		}
		maps.Copy(release, given)
	}
	draft, _ := release["draft"].(bool)
	for other, r := range g.releases {
		if !draft && other != id && r["draft"] == false && r["tag_name"] == release["tag_name"] {
			http.Error(w, `{"message": "Validation Failed", "errors": [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]}`,
				http.StatusUnprocessableEntity)
			return
		}
	}
	if r.Method == http.MethodPost {
		id = g.newID()
		if err := os.Mkdir(g.Assets(id), 0o777); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		// The token of a workflow belongs to this user.
		release["author"] = map[string]string{"login": "github-actions[bot]"}
		w.WriteHeader(http.StatusCreated)
	}
	release["id"] = id
	g.releases[id] = release
	g.setDraft(id, draft)
	json.NewEncoder(w).Encode(g.render(id))
}

func (g *GitHub) delete(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	delete(g.releases, id)
	maps.DeleteFunc(g.assets, func(_ int64, a asset) bool { return a.release == id })
	os.RemoveAll(g.Assets(id))
	w.WriteHeader(http.StatusNoContent)
}

func (g *GitHub) upload(w http.ResponseWriter, r *http.Request) {
	release, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	a := asset{release, filepath.Base(r.FormValue("name"))}
	file, err := os.OpenFile(g.path(a), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = io.Copy(file, r.Body)
		file.Close()
	}
	if err != nil { // usually because the asset exists
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	id := g.newID()
	g.assets[id] = a
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]any{"id": id, "name": a.name})
}

func (g *GitHub) path(a asset) string {
	return filepath.Join(g.Assets(a.release), a.name)
}

func (g *GitHub) deleteAsset(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	os.Remove(g.path(g.assets[id]))
	delete(g.assets, id)
	w.WriteHeader(http.StatusNoContent)
}

// readAssets answers /{id}/assets with one page of the list of assets, and
// /assets/{id} with the content of an asset.
func (g *GitHub) readAssets(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("first") == "assets" {
		id, _ := strconv.ParseInt(r.PathValue("second"), 10, 64)
		http.ServeFile(w, r, g.path(g.assets[id]))
		return
	}
	release, _ := strconv.ParseInt(r.PathValue("first"), 10, 64)
	all := g.assetsOf(release)
	page, _ := strconv.Atoi(r.FormValue("page"))
	size, _ := strconv.Atoi(r.FormValue("per_page"))
	page, size = max(page, 1), cmp.Or(size, perPage)
	if len(all) > page*size {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, g.URL, r.URL.Path, size, page+1))
	}
	json.NewEncoder(w).Encode(all[min((page-1)*size, len(all)):min(page*size, len(all))])
}

// download serves an asset of the public release of a tag, without authentication.
func (g *GitHub) download(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, release := range g.releases {
		if release["draft"] == false && release["tag_name"] == r.PathValue("tag") {
			http.ServeFile(w, r, g.path(asset{id, r.PathValue("name")}))
			return
		}
	}
	http.NotFound(w, r)
}

// redirectLatest redirects to the page of the latest release, or to the download URL
// of one of its assets.
func (g *GitHub) redirectLatest(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	tag := g.releases[g.latest()]["tag_name"]
	target := fmt.Sprintf("/%s/releases/tag/%s", g.repository, tag)
	if name := r.PathValue("name"); name != "" {
		target = fmt.Sprintf("/%s/releases/download/%s/%s", g.repository, tag, name)
	}
	if tag == nil && r.PathValue("name") != "" {
		http.NotFound(w, r)
		return
	}
	if tag == nil {
		target = fmt.Sprintf("/%s/releases", g.repository) // the page of all releases
	}
	http.Redirect(w, r, target, http.StatusFound)
}
