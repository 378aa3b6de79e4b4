package servertest

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// WantLimits checks that the limits in ENDPOINTS.md whose names begin with prefix, or
// with no word before a colon if it is empty, have exactly these values, in any order.
func WantLimits(t *testing.T, prefix string, limits map[string]any) {
	t.Helper()
	text, err := os.ReadFile("../../ENDPOINTS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n| limit | value | beyond |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var got, want []string
	for _, line := range strings.Split(table, "\n")[1:] {
		cells := strings.Split(line, " | ")
		if word, _, ok := strings.Cut(cells[0], ": "); ok != (prefix != "") || ok && word != "| "+prefix {
			continue
		}
		got = append(got, strings.TrimPrefix(cells[0], "| ")+": "+cells[1])
	}
	for name, limit := range limits {
		if prefix != "" {
			name = prefix + ": " + name
		}
		want = append(want, name+": "+limitText(limit))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("ENDPOINTS.md has the limits\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Bytes is a limit in bytes.
type Bytes int64

func limitText(limit any) string {
	switch limit := limit.(type) {
	case time.Duration:
		if minutes, ok := strings.CutSuffix(limit.String(), "m0s"); ok {
			return minutes + "m"
		}
		return limit.String()
	case Bytes:
		if limit < 1<<20 {
			return strconv.Itoa(int(limit>>10)) + " KiB"
		}
		return strconv.FormatFloat(float64(limit*10>>20)/10, 'f', -1, 64) + " MiB"
	case int:
		return strconv.Itoa(limit)
	default:
		return limit.(string)
	}
}
