package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/must"
	"argserver/release/internal/patiently"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	signature  = "https://sigstore.dev/cosign/sign/v1"
	provenance = "https://slsa.dev/provenance/v1"
)

// The list of what is attached is lost between two writes, as on a registry that lags.
func TestKeep(t *testing.T) {
	patiently.Waits = []time.Duration{0, 0}
	lost := false
	lagging := standin.NewLaggingRegistry(registry.New(registry.Logger(log.New(io.Discard, "", 0))), 1)
	repository := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lost && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/sha256-") {
			lost = false
			http.NotFound(w, r)
			return
		}
		lagging.ServeHTTP(w, r)
	}))
	index, err := random.Index(1, 1, 1)
	must.Fail(t, err, "")
	hash, err := index.Digest()
	must.Fail(t, err, "")
	image := repository.Digest(hash.String())
	must.Fail(t, remote.WriteIndex(image, index), "")
	attached := func() int {
		lagging.Settle()
		list, err := readAttached(t.Context(), image)
		must.Fail(t, err, "")
		return len(list.Manifests)
	}

	path := filepath.Join(t.TempDir(), "attached.json")
	attach(t, image, signature, "first")
	must.Fail(t, keep(t.Context(), image.String(), provenance, path), "has no new bundle of the type https://slsa.dev/provenance/v1 attached, only 1 others")
	must.Fail(t, keep(t.Context(), image.String(), signature, path), "")
	must.Fail(t, keep(t.Context(), image.String(), signature, path), "has no new bundle of the type https://sigstore.dev/cosign/sign/v1 attached, only 1 others")

	lost = true
	attach(t, image, provenance, "second")
	if got := attached(); got != 1 {
		t.Fatalf("%d bundles are attached, want 1, as the first was lost", got)
	}
	must.Fail(t, keep(t.Context(), image.String(), provenance, path), "")
	if got := attached(); got != 2 {
		t.Errorf("%d bundles are attached, want 2", got)
	}

	// Another run attaches new ones. It may take the signature of the first run, which
	// is as good, for its own.
	path = filepath.Join(t.TempDir(), "attached.json")
	attach(t, image, signature, "third")
	must.Fail(t, keep(t.Context(), image.String(), signature, path), "")
	lost = true
	attach(t, image, provenance, "fourth")
	must.Fail(t, keep(t.Context(), image.String(), provenance, path), "")
	if got := attached(); got != 3 {
		t.Errorf("%d bundles are attached, want those of the first run and the fourth", got)
	}

	must.Fail(t, keep(t.Context(), repository.Tag("1.2.3").String(), signature, path), "1.2.3")
	must.Write(t, path, "no list")
	must.Fail(t, keep(t.Context(), image.String(), signature, path), path+": invalid character")
}

// attach adds a bundle to the list of an image as cosign does: package remote, which
// cosign uses too, writes the list.
func attach(t *testing.T, image name.Digest, predicateType, content string) {
	t.Helper()
	subject, err := remote.Head(image)
	must.Fail(t, err, "")
	must.Fail(t, remote.Put(image.Context().Tag("bundle-"+content), bundle{v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: subject.Digest, Size: 2},
		Layers:        []v1.Descriptor{},
		Subject:       subject,
		Annotations:   map[string]string{"dev.sigstore.bundle.predicateType": predicateType, "content": content},
	}}), "")
}

type bundle struct{ manifest v1.Manifest }

func (b bundle) RawManifest() ([]byte, error)        { return json.Marshal(b.manifest) }
func (b bundle) MediaType() (types.MediaType, error) { return b.manifest.MediaType, nil }
