package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// An Issue is the JSON object that the API returns for an issue.
type Issue struct {
	Number int     `json:"number"`
	State  string  `json:"state"`
	Title  string  `json:"title"`
	Body   string  `json:"body"`
	Labels []Label `json:"labels"`
}

// A Label is the JSON object for a label of an issue.
type Label struct {
	Name string `json:"name"`
}

// Issues returns all issues by number.
func (g *GitHub) Issues() map[int]Issue {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.issues)
}

// issueHandlers implement the issues API, as far as the watch uses it.
// https://docs.github.com/en/rest/issues
func (g *GitHub) issueHandlers(repository string) map[string]http.HandlerFunc {
	repos := "/api/v3/repos/" + repository
	return map[string]http.HandlerFunc{
		"GET " + repos + "/issues":            g.listIssues,
		"POST " + repos + "/issues":           g.editIssue,
		"PATCH " + repos + "/issues/{number}": g.editIssue,
		"POST " + repos + "/labels":           g.createLabel,
	}
}

func (g *GitHub) listIssues(w http.ResponseWriter, r *http.Request) {
	found := []Issue{}
	for _, number := range slices.Sorted(maps.Keys(g.issues)) {
		issue := g.issues[number]
		if issue.State == r.FormValue("state") && slices.Contains(issue.Labels, Label{r.FormValue("labels")}) {
			found = append(found, issue)
		}
	}
	json.NewEncoder(w).Encode(found)
}

// editIssue creates an issue or changes the given fields of one.
func (g *GitHub) editIssue(w http.ResponseWriter, r *http.Request) {
	var given struct {
		State, Title, Body *string
		Labels             []string
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	number, _ := strconv.Atoi(r.PathValue("number"))
	issue, ok := g.issues[number]
	switch {
	case r.Method == http.MethodPost:
		issue = Issue{Number: len(g.issues) + 1, State: "open"}
		w.WriteHeader(http.StatusCreated)
	case !ok:
		http.NotFound(w, r)
		return
	}
	for field, value := range map[*string]*string{&issue.State: given.State, &issue.Title: given.Title, &issue.Body: given.Body} {
		if value != nil {
			*field = *value
		}
	}
	for _, name := range given.Labels {
		// GitHub drops a label that does not exist if the token may not create it.
		if g.labels[name] {
			issue.Labels = []Label{{name}}
		}
	}
	g.issues[issue.Number] = issue
	json.NewEncoder(w).Encode(issue)
}

func (g *GitHub) createLabel(w http.ResponseWriter, r *http.Request) {
	var label Label
	if err := json.NewDecoder(r.Body).Decode(&label); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if g.labels[label.Name] {
		http.Error(w, `{"message": "Validation Failed", "errors": [{"code": "already_exists"}]}`, http.StatusUnprocessableEntity)
		return
	}
	g.labels[label.Name] = true
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"name": %q}`, label.Name)
}
