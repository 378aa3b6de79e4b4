package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// envHandler answers with the variables of environ whose names are listed, or
// with all of them if "*" is. It answers 403 if the operator listed none.
func envHandler(listed, environ []string) http.HandlerFunc {
	if listed == nil {
		return func(w http.ResponseWriter, r *http.Request) {
			fail(w, http.StatusForbidden, "no variables are listed; start the server with ARGSERVER_ENV=HOME,PATH to show these, or with * to show all")
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
