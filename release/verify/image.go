package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"

	"argserver/release/internal/registry"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// readIndex reads an index as anybody can, without credentials.
func readIndex(ctx context.Context, ref name.Reference) (v1.ImageIndex, error) {
	index, err := remote.Index(ref, registry.Options(ctx)...)
	if _, denied := registry.Denied(err); denied {
		repository := ref.Context().RepositoryStr()
		return nil, fmt.Errorf("%w\n%s is not public, or does not exist: GitHub may create the first package of a name as a private one. "+
			"Make it public at %s/%s/pkgs/container/%s, under Package settings, and run the failed jobs again. "+
			"If that page does not offer it, the organization forbids public packages: its owner allows them under Settings, Packages",
			err, ref.Context(), serverURL(), repository, path.Base(repository))
	}
	return index, err
}

// serverURL is the URL of GitHub.
func serverURL() string {
	return cmp.Or(os.Getenv("GITHUB_SERVER_URL"), "https://github.com")
}
