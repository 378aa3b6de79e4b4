package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argserver/rehearsal"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestFetch(t *testing.T) {
	waits = nil
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer images.Close()
	index, err := random.Index(100, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repository, err := name.NewRepository(strings.TrimPrefix(images.URL, "http://") + "/owner/argserver")
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
	files := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer files.Close()
	for _, part := range []string{"download/v1.2.3", "latest/download"} {
		if err := os.MkdirAll(filepath.Join(folder, part), 0o777); err != nil {
			t.Fatal(err)
		}
		var sums strings.Builder
		for _, name := range rehearsal.BinaryNames() {
			fmt.Fprintf(&sums, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  %s\n", name) // of nothing
		}
		for _, name := range rehearsal.AssetNames() {
			content := ""
			if name == rehearsal.ChecksumsFile {
				content = sums.String()
			}
			if err := os.WriteFile(filepath.Join(folder, part, name), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}

	other := repository.Digest("sha256:" + strings.Repeat("0", 64)).String()
	wantError(t, fetch(t.Context(), files.URL, "v1.2.3", image), "")
	wantError(t, fetch(t.Context(), files.URL, "v1.2.3", other), "1.2.3 is "+digest.String()+", want sha256:000")
	wantError(t, fetch(t.Context(), files.URL, "v1.2.4", image), "MANIFEST_UNKNOWN")
	wantError(t, fetch(t.Context(), files.URL, "v2.0.0-rc.1", image), "download/v2.0.0-rc.1/checksums.txt: 404")
	if err := os.WriteFile(filepath.Join(folder, "latest/download/argserver_linux_amd64"), []byte("evil"), 0o666); err != nil {
		t.Fatal(err)
	}
	wantError(t, fetch(t.Context(), files.URL, "v1.2.3", image), "latest/download: checksums.txt is")
	if err := os.Remove(filepath.Join(folder, "download/v1.2.3/provenance.sigstore.json")); err != nil {
		t.Fatal(err)
	}
	wantError(t, fetch(t.Context(), files.URL, "v1.2.3", image), "provenance.sigstore.json: 404")
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one that says %q", err, want)
	}
}
