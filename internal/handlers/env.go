package handlers

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"argserver/internal/negotiate"
	"argserver/internal/ordered"
	"argserver/internal/response"
)

// envHandler responds with the variables of environ whose names are listed, or
// with all of them if "*" is. It responds with 403 if the operator listed none.
func envHandler(listed, environ []string) http.HandlerFunc {
	if listed == nil {
		return func(w http.ResponseWriter, r *http.Request) {
			response.Fail(w, http.StatusForbidden, "no variables are listed; start the server with ARGSERVER_ENV=HOME,PATH to show these, or with * to show all")
		}
	}
	return negotiate.Fixed(func(f negotiate.Format) []byte {
		variables := listedVariables(listed, environ, runtime.GOOS)
		if f == negotiate.JSON {
			return append(ordered.AppendJSON(nil, variables), '\n')
		}
		var text []byte
		for _, variable := range variables {
			text = fmt.Appendf(text, "%s=%q\n", variable.Name, variable.Value)
		}
		return text
	}, negotiate.Text, negotiate.JSON)
}

// listedVariables returns the variables of environ whose names are listed, or all if
// "*" is, in order. It leaves out those without a name, in which Windows keeps the
// directory on each drive. On Windows the case of names does not matter.
func listedVariables(listed, environ []string, goos string) (variables ordered.Object) {
	fold := func(name string) string { return name }
	if goos == "windows" {
		fold = strings.ToLower
	}
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		for _, l := range listed {
			if name != "" && (l == "*" || fold(l) == fold(name)) {
				variables = append(variables, ordered.Member{name, value})
				break
			}
		}
	}
	return variables
}
