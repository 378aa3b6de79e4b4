package handlers

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"argserver/internal/token"
)

const (
	maxHeaders     = 16      // number of ?header
	maxHeaderBytes = 4 << 10 // all ?header together
)

// refusedHeaders are the names in lower case, or their prefixes if they end in a
// hyphen, that ?header may not have. No query may turn what is echoed into HTML or a
// script, in a browser or in a file, change where a response ends, or command a proxy
// or cache in front of the server.
var refusedHeaders = []string{
	// What the body is, what may run in it, and under which name it is saved.
	"content-", "x-content-type-options", "refresh", "link",
	// Where the body ends, and how the connection goes on (RFC 9110, section 7.6.1).
	"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-",
	// What the server or the browser decides.
	"date", "vary", "sec-",
	// With it a page of another site could read the cookies of a visitor.
	"access-control-allow-credentials",
	// Where nginx, Apache or lighttpd gets another body, and whether a cache runs the
	// instructions in this one.
	"x-accel-", "x-sendfile", "x-sendfile2", "x-lighttpd-", "x-litespeed-", "x-reproxy-", "surrogate-",
	// What a browser keeps and applies to the whole host, and which data it deletes.
	"strict-transport-security", "clear-site-data", "nel", "report-to", "reporting-endpoints", "alt-svc",
	"service-worker-allowed", "speculation-rules", "use-as-dictionary", "no-vary-search", "public-key-pins",
}

// checkHeaders checks the values of ?header=Name:value. Its error quotes the first
// invalid one and says what would be valid.
func checkHeaders(parameters []string) error {
	total := 0
	for i, parameter := range parameters {
		name, value, ok := strings.Cut(parameter, ":")
		if !ok || !token.Valid(name) || !isFieldValue(value) {
			return queryError("header", parameter, "Name:value without control characters, such as Location:/request")
		}
		if isRefused(strings.ToLower(name)) {
			return queryError("header", parameter, "another name: this one could change how a browser reads the response, or where it ends")
		}
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

// isRefused reports whether refusedHeaders has a name, which is in lower case.
func isRefused(name string) bool {
	for _, refused := range refusedHeaders {
		if name == refused || strings.HasSuffix(refused, "-") && strings.HasPrefix(name, refused) {
			return true
		}
	}
	return false
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
