package rehearsal

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ChecksumsFile is the name of the file with the SHA-256 of each raw binary, in
// the form of sha256sum.
const ChecksumsFile = "checksums.txt"

// BinaryNames are the names of all raw binaries, sorted.
func BinaryNames() []string {
	names := make([]string, len(BinaryPlatforms))
	for i, p := range BinaryPlatforms {
		names[i] = BinaryName(p)
	}
	slices.Sort(names)
	return names
}

// AssetNames are the names of all files of a release, once it is signed.
func AssetNames() []string {
	names := []string{ChecksumsFile, "checksums.txt.sigstore.json", "provenance.sigstore.json", "image-provenance.sigstore.json"}
	for _, binary := range BinaryNames() {
		names = append(names, binary, binary+".spdx.json")
	}
	return names
}

// Get returns what is at a public address. Any other status than 200 is an error.
func Get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return content, err
}

// CheckSums reports a folder whose checksums.txt is not the sums of all raw
// binaries in it.
func CheckSums(folder string) error {
	got, err := os.ReadFile(filepath.Join(folder, ChecksumsFile))
	if err != nil {
		return err
	}
	var want strings.Builder
	for _, name := range BinaryNames() {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(content), name)
	}
	if string(got) != want.String() {
		return fmt.Errorf("%s is\n%swant, as the binaries beside it are,\n%s", ChecksumsFile, got, &want)
	}
	return nil
}
