package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"argserver/release/internal/patiently"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// keep waits until the registry shows a bundle of a type that was attached to an image
// a moment ago: one that the file at path does not list. Then it attaches again what the
// file lists and the image lost, and writes all into the file.
//
// Without the referrers API, which GHCR lacks, a tag lists the bundles of an image. cosign
// and actions/attest read the tag, add their bundle and write it back, so that a read that
// lags loses what the other has attached. The lost bundle itself is still in the registry.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
func keep(ctx context.Context, image, predicateType, path string) error {
	digest, err := name.NewDigest(image)
	if err != nil {
		return err
	}
	var kept, attached *v1.IndexManifest
	switch content, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
		kept = new(v1.IndexManifest)
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(content, &kept); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := patiently.Do(ctx, func() (err error) {
		if attached, err = readAttached(ctx, digest); err != nil {
			return err
		}
		for _, bundle := range without(attached, kept) {
			found, err := readType(ctx, digest.Context().Digest(bundle.Digest.String()))
			if err != nil || found == predicateType {
				return err
			}
		}
		return fmt.Errorf("%s has no new bundle of the type %s attached, only %d others", image, predicateType, len(attached.Manifests))
	}); err != nil {
		return err
	}
	if lost := without(kept, attached); lost != nil {
		attached.Manifests = append(attached.Manifests, lost...)
		tag := digest.Context().Tag(strings.Replace(digest.DigestStr(), ":", "-", 1))
		if err := remote.Put(tag, list{attached}, options(ctx)...); err != nil {
			return err
		}
		fmt.Printf("attached %d bundles again, which a later write had lost\n", len(lost))
		if err := patiently.Do(ctx, func() error {
			now, err := readAttached(ctx, digest)
			if err == nil && without(attached, now) != nil {
				err = fmt.Errorf("%s has %d of %d bundles attached", image, len(now.Manifests), len(attached.Manifests))
			}
			return err
		}); err != nil {
			return err
		}
	}
	content, err := json.Marshal(attached)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o666)
}

// readAttached lists what is attached to an image.
func readAttached(ctx context.Context, image name.Digest) (*v1.IndexManifest, error) {
	index, err := remote.Referrers(image, options(ctx)...)
	if err != nil {
		return nil, err
	}
	return index.IndexManifest()
}

// readType returns the type that cosign and actions/attest write into the manifest of a
// bundle. Not every version of cosign repeats it in the list.
func readType(ctx context.Context, bundle name.Digest) (string, error) {
	there, err := remote.Get(bundle, options(ctx)...)
	if err != nil {
		return "", err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(there.Manifest))
	if err != nil {
		return "", err
	}
	return manifest.Annotations["dev.sigstore.bundle.predicateType"], nil
}

// without returns what a lists and b does not.
func without(a, b *v1.IndexManifest) (rest []v1.Descriptor) {
	for _, one := range a.Manifests {
		if !slices.ContainsFunc(b.Manifests, func(other v1.Descriptor) bool { return other.Digest == one.Digest }) {
			rest = append(rest, one)
		}
	}
	return rest
}

// A list is an index that package remote can write.
type list struct{ *v1.IndexManifest }

func (l list) RawManifest() ([]byte, error)        { return json.Marshal(l.IndexManifest) }
func (l list) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }
