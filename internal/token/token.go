// Package token knows which names HTTP allows.
package token

import (
	"strings"
)

// Valid reports whether s is a token, as a method or the name of a header must be.
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
func Valid(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
