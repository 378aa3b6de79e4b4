package negotiate_test

import (
	"strings"
	"testing"

	"argserver/internal/negotiate"
)

// A malformed pair matters only if it begins with an order.
func TestQuery(t *testing.T) {
	for _, c := range []struct{ raw, want, status string }{
		{"", "", ""},
		{"status=503", "", "503"},
		{"status=503;x=1", `query "status=503;x=1": want %3B for ;`, ""},
		{"status=503%", `query "status=503%": want %25 for %`, ""},
		{"a=b&status;=1", `query "status;=1": want %3B for ;`, ""},
		{"status%", `query "status%": want %25 for %`, ""},
		{"q=100%&status=503", "", "503"},
		{"filter=a;b&status=503", "", "503"},
		{"statuses=1;2&status=503", "", "503"},
		{strings.Repeat("a&", 20000) + "status=503", "query: want fewer parameters", ""},
	} {
		query, err := negotiate.Query(c.raw, "wait", "status")
		if c.want == "" && (err != nil || query.Get("status") != c.status) || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%.40q gives %v (%v), want the status %q and the error %q", c.raw, query, err, c.status, c.want)
		}
	}
}
