package check

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// SumsFile is the name of the file with the SHA-256 of every published binary,
// in the format of sha256sum.
const SumsFile = "checksums.txt"

// Files lists the files of a signed release that has these binaries.
func Files(binaries []string) []string {
	names := []string{SumsFile, SumsFile + ".sigstore.json", "provenance.sigstore.json"}
	for _, binary := range binaries {
		names = append(names, binary, binary+".spdx.json")
	}
	return names
}

var sumLine = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseSums maps the names of files to their SHA-256, in hexadecimal digits.
func ParseSums(content string) (map[string]string, error) {
	sums := make(map[string]string)
	for line := range strings.Lines(content) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		// Another name could lead out of the folder.
		if !ok || !sumLine.MatchString(sum) || name != filepath.Base(name) || name == "." || name == ".." || sums[name] != "" {
			return nil, fmt.Errorf("%s: line %q, want a SHA-256, two spaces and the name of one more file", SumsFile, line)
		}
		sums[name] = sum
	}
	if len(sums) == 0 {
		return nil, fmt.Errorf("%s: it lists no file", SumsFile)
	}
	return sums, nil
}

// Sums reports every binary in a folder that does not match checksums.txt there,
// every listed file that is missing, and every other file that no release has. It
// returns the names of the binaries, sorted.
func Sums(folder string) ([]string, error) {
	content, err := os.ReadFile(filepath.Join(folder, SumsFile))
	if err != nil {
		return nil, err
	}
	sums, err := ParseSums(string(content))
	if err != nil {
		return nil, err
	}
	var names []string
	var problems []error
	for name, want := range sums {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			problems = append(problems, err)
		} else if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != want {
			problems = append(problems, fmt.Errorf("%s: SHA-256 %s, want %s as %s says", name, got, want, SumsFile))
		}
		names = append(names, name)
	}
	slices.Sort(names)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !slices.Contains(Files(names), entry.Name()) {
			problems = append(problems, fmt.Errorf("%s: %s does not list it", entry.Name(), SumsFile))
		}
	}
	return names, errors.Join(problems...)
}

var binaryName = regexp.MustCompile(`^.+_([a-z0-9]+)_([a-z0-9]+)(?:\.exe)?$`)

// Platform is the platform in the name of a binary, such as
// argserver_linux_armv7.
func Platform(binary string) (v1.Platform, error) {
	match := binaryName.FindStringSubmatch(binary)
	if match == nil {
		return v1.Platform{}, fmt.Errorf("binary %q: want a name such as NAME_linux_amd64", binary)
	}
	p := v1.Platform{OS: match[1], Architecture: match[2]}
	if variant, ok := strings.CutPrefix(p.Architecture, "armv"); ok {
		p.Architecture, p.Variant = "arm", "v"+variant
	}
	return p, nil
}
