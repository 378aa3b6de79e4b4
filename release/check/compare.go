package check

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// CompareFile says how a published file differs from the rebuilt one. It returns
// nothing if they are the same.
func CompareFile(published, rebuilt []byte) string {
	if bytes.Equal(published, rebuilt) {
		return ""
	}
	return fmt.Sprintf("published %d bytes with SHA-256 %x, rebuilt %d bytes with %x",
		len(published), sha256.Sum256(published), len(rebuilt), sha256.Sum256(rebuilt))
}

// CompareIndex says how a published index differs from the rebuilt one. It
// returns nothing if they are the same. For each image that differs it names the
// first layer that differs, or else the first field of the configuration.
func CompareIndex(published, rebuilt v1.ImageIndex) ([]string, error) {
	theirs, err := published.IndexManifest()
	if err != nil {
		return nil, err
	}
	ours, err := rebuilt.IndexManifest()
	if err != nil {
		return nil, err
	}
	var differences []string
	differs := func(format string, a ...any) { differences = append(differences, fmt.Sprintf(format, a...)) }

	ourImages := make(map[string]v1.Descriptor)
	for _, d := range ours.Manifests {
		ourImages[platformName(d)] = d
	}
	for _, d := range theirs.Manifests {
		platform := platformName(d)
		our, ok := ourImages[platform]
		delete(ourImages, platform)
		switch {
		case !ok:
			differs("%s: published, not rebuilt", platform)
		case d.Digest != our.Digest:
			difference, err := compareImages(published, rebuilt, d.Digest, our.Digest)
			if err != nil {
				return nil, err
			}
			differs("%s: %s", platform, difference)
		}
	}
	for _, platform := range slices.Sorted(maps.Keys(ourImages)) {
		differs("%s: rebuilt, not published", platform)
	}
	keys := make(map[string]string)
	maps.Copy(keys, theirs.Annotations)
	maps.Copy(keys, ours.Annotations)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if got, want := theirs.Annotations[key], ours.Annotations[key]; got != want {
			differs("annotation %s: published %q, rebuilt %q", key, got, want)
		}
	}
	if theirs.MediaType != ours.MediaType {
		differs("media type: published %s, rebuilt %s", theirs.MediaType, ours.MediaType)
	}

	theirDigest, err := published.Digest()
	if err != nil {
		return nil, err
	}
	ourDigest, err := rebuilt.Digest()
	if err != nil {
		return nil, err
	}
	if theirDigest != ourDigest && differences == nil {
		differs("published %s, rebuilt %s, but they list the same images", theirDigest, ourDigest)
	}
	return differences, nil
}

func platformName(d v1.Descriptor) string {
	if d.Platform == nil {
		return "image " + d.Digest.String() + " without platform"
	}
	return d.Platform.String()
}

// compareImages names the first layer that differs between two images, or else
// the first field of the configuration, sorted by name.
func compareImages(published, rebuilt v1.ImageIndex, theirDigest, ourDigest v1.Hash) (string, error) {
	theirs, err := imageFields(published, theirDigest)
	if err != nil {
		return "", err
	}
	ours, err := imageFields(rebuilt, ourDigest)
	if err != nil {
		return "", err
	}
	all := maps.Clone(theirs)
	maps.Copy(all, ours)
	for _, kind := range []string{"layer ", "config field "} {
		for _, field := range slices.Sorted(maps.Keys(all)) {
			if strings.HasPrefix(field, kind) && theirs[field] != ours[field] {
				return fmt.Sprintf("%s: published %s, rebuilt %s", field, cmp.Or(theirs[field], "none"), cmp.Or(ours[field], "none")), nil
			}
		}
	}
	return fmt.Sprintf("manifest: published %s, rebuilt %s, with the same layers and configuration", theirDigest, ourDigest), nil
}

// imageFields maps each layer of an image to its digest, and the path of each field
// of its configuration to the JSON there.
func imageFields(index v1.ImageIndex, digest v1.Hash) (map[string]string, error) {
	image, err := index.Image(digest)
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string)
	for i, layer := range manifest.Layers {
		fields[fmt.Sprint("layer ", i)] = layer.Digest.String()
	}
	var flatten func(path string, value json.RawMessage)
	flatten = func(path string, value json.RawMessage) {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil || object == nil {
			fields["config field "+path] = string(value)
		}
		for key, value := range object {
			flatten(path+"."+key, value)
		}
	}
	flatten("", config)
	return fields, nil
}
