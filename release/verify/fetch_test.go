package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/check"
	"argserver/release/internal/must"
	"argserver/release/product"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestFetch(t *testing.T) {
	waits = nil
	index, err := random.Index(100, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repository, err := name.NewRepository(must.MemoryRegistry(t) + "/owner/argserver")
	if err != nil {
		t.Fatal(err)
	}
	image := repository.Digest(digest.String()).String()
	for _, tag := range []string{"1.2.3", "1.2", "1", "latest", "2.0.0-rc.1"} {
		if err := remote.WriteIndex(repository.Tag(tag), index); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	releases := filepath.Join(folder, "owner/argserver/releases")
	for _, part := range []string{"download/v1.2.3", "latest/download"} {
		binaries := []string{product.Name + "_linux_amd64", product.Name + "_linux_arm64"}
		for _, name := range check.Files(binaries) {
			must.Write(t, filepath.Join(releases, part, name), "")
		}
		must.Run(t, filepath.Join(releases, part), "sh", "-c", "sha256sum "+strings.Join(binaries, " ")+" >checksums.txt")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer server.Close()
	t.Setenv("GITHUB_SERVER_URL", server.URL)
	t.Setenv("GITHUB_REPOSITORY", "owner/argserver")

	other := repository.Digest("sha256:" + strings.Repeat("0", 64)).String()
	must.Fail(t, fetch(t.Context(), "v1.2.3", image), "")
	must.Fail(t, fetch(t.Context(), "v1.2.3", other), "1.2.3 is "+digest.String()+", want sha256:000")
	must.Fail(t, fetch(t.Context(), "v1.2.4", image), "MANIFEST_UNKNOWN")
	must.Fail(t, fetch(t.Context(), "v2.0.0-rc.1", image), "download/v2.0.0-rc.1/checksums.txt: 404")
	must.Write(t, filepath.Join(releases, "latest/download", product.Name+"_linux_amd64"), "evil")
	must.Fail(t, fetch(t.Context(), "v1.2.3", image), "latest/download: "+product.Name+"_linux_amd64: SHA-256")
	if err := os.Remove(filepath.Join(releases, "download/v1.2.3/provenance.sigstore.json")); err != nil {
		t.Fatal(err)
	}
	must.Fail(t, fetch(t.Context(), "v1.2.3", image), "provenance.sigstore.json: 404")
}
