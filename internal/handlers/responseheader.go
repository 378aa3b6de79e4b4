package handlers

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"argserver/internal/token"
)

const (
	maxHeaders     = 16      // number of ?header
	maxHeaderBytes = 4 << 10 // all ?header together
)

// allowedHeaders are the names, in lower case, that ?header may have, beside those that
// begin with X-. No query may turn what is echoed into HTML or a script, in a browser or
// in a file, let the script of another site read it, or change where a response ends. A
// name that is not here may do so one day.
var allowedHeaders = []string{
	"age", "allow", "cache-control", "etag", "expires", "last-modified", "location", "retry-after", "server",
	"set-cookie", "www-authenticate",
}

// refusedHeaders are the beginnings of names with X- that browsers, nginx, Squid, Apache,
// lighttpd, LiteSpeed, Perlbal, Envoy or App Engine obey.
var refusedHeaders = []string{
	"x-accel", "x-appengine-", "x-content-", "x-dns-", "x-envoy-", "x-frame-", "x-lighttpd-", "x-litespeed-",
	"x-permitted-", "x-reproxy-", "x-send", "x-sourcemap", "x-ua-", "x-webkit-", "x-xss-",
}

// checkHeaders checks the values of ?header=Name:value. Its error quotes the first
// invalid one and says what would be valid.
func checkHeaders(parameters []string) error {
	total := 0
	given := make(map[string]bool)
	for i, parameter := range parameters {
		name, value, ok := strings.Cut(parameter, ":")
		if !ok || !token.Valid(name) || !isFieldValue(value) {
			return queryError("header", parameter, "Name:value without control characters, such as Location:/request")
		}
		name = strings.ToLower(name)
		if !isAllowed(name) {
			return queryError("header", parameter, "a name with X- that commands no browser or proxy, or one of "+strings.Join(allowedHeaders, ", "))
		}
		if given[name] && name != "set-cookie" && !strings.HasPrefix(name, "x-") {
			return queryError("header", parameter, "this name once")
		}
		given[name] = true
		if total += len(parameter); i >= maxHeaders || total > maxHeaderBytes {
			return fmt.Errorf("header: want at most %d, of at most %d bytes together", maxHeaders, maxHeaderBytes)
		}
	}
	return nil
}

// addHeaders adds what checkHeaders has accepted to a header.
func addHeaders(header http.Header, parameters []string) {
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, ":")
		name = http.CanonicalHeaderKey(name)
		header[name] = append(header[name], textproto.TrimString(value))
	}
}

// isAllowed reports whether ?header may have a name, which is in lower case.
func isAllowed(name string) bool {
	if !strings.HasPrefix(name, "x-") {
		return slices.Contains(allowedHeaders, name)
	}
	for _, refused := range refusedHeaders {
		if strings.HasPrefix(name, refused) {
			return false
		}
	}
	return true
}

// isFieldValue reports whether s is the value of a header, maybe with white space
// around it.
// https://www.rfc-editor.org/rfc/rfc9110#section-5.5
func isFieldValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
