package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// envHandler answers with the variables that the operator listed, "*" for all,
// as far as they are set.
func envHandler(listed, environ []string) http.HandlerFunc {
	if listed == nil {
		return func(w http.ResponseWriter, r *http.Request) {
			fail(w, http.StatusForbidden, "not shown: the operator lists what to show in ARGSERVER_ENV, such as ARGSERVER_ENV=HOME,PATH, or * for all")
		}
	}
	return fixed(func(f format) string {
		var variables object
		var text strings.Builder
		for _, variable := range slices.Sorted(slices.Values(environ)) {
			name, value, _ := strings.Cut(variable, "=")
			if slices.Contains(listed, name) || slices.Contains(listed, "*") {
				variables = append(variables, member{name, value})
				text.WriteString(name + "=" + strconv.Quote(value) + "\n")
			}
		}
		if f == formatJSON {
			return string(appendJSON(nil, variables)) + "\n"
		}
		return text.String()
	}, formatText, formatJSON)
}
