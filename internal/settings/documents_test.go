package settings_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"argserver/internal/settings"
)

// The table in README has exactly the variables that the source reads, and their
// defaults.
func TestSettingsInDocuments(t *testing.T) {
	source, err := os.ReadFile("settings.go")
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, match := range regexp.MustCompile(`(?:variables\[|duration\()"(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		read = append(read, match[1])
	}
	slices.Sort(read)
	read = slices.Compact(read)

	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	none, err := settings.Parse(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{"ARGSERVER_ADDR": none.Addr, "ARGSERVER_ECHO": "0", "ARGSERVER_ACCESS_LOG": "0",
		"ARGSERVER_DRAIN": none.Drain.String(), "ARGSERVER_SHUTDOWN_TIMEOUT": none.ShutdownTimeout.String()}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (?:`(.*?)` )?\\|").FindAllStringSubmatch(string(readme), -1) {
		documented = append(documented, row[1])
		if row[2] != defaults[row[1]] {
			t.Errorf("README says that the default of %s is %q, want %q", row[1], row[2], defaults[row[1]])
		}
	}
	slices.Sort(documented)
	if !slices.Equal(documented, read) {
		t.Errorf("README documents %q, want the settings %q", documented, read)
	}
}
