package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
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
	for _, key := range slices.Sorted(maps.Keys(ours.Annotations)) {
		if got, want := theirs.Annotations[key], ours.Annotations[key]; got != want {
			differs("annotation %s: published %q, rebuilt %q", key, got, want)
		}
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

func compareImages(published, rebuilt v1.ImageIndex, theirDigest, ourDigest v1.Hash) (string, error) {
	their, err := published.Image(theirDigest)
	if err != nil {
		return "", err
	}
	our, err := rebuilt.Image(ourDigest)
	if err != nil {
		return "", err
	}
	theirManifest, err := their.Manifest()
	if err != nil {
		return "", err
	}
	ourManifest, err := our.Manifest()
	if err != nil {
		return "", err
	}
	for i := range max(len(theirManifest.Layers), len(ourManifest.Layers)) {
		if t, o := layerDigest(theirManifest, i), layerDigest(ourManifest, i); t != o {
			return fmt.Sprintf("layer %d: published %s, rebuilt %s", i, t, o), nil
		}
	}
	field, err := compareConfigs(their, our)
	if err != nil || field != "" {
		return field, err
	}
	return fmt.Sprintf("manifest: published %s, rebuilt %s, with the same layers and configuration", theirDigest, ourDigest), nil
}

func layerDigest(m *v1.Manifest, i int) string {
	if i >= len(m.Layers) {
		return "none"
	}
	return m.Layers[i].Digest.String()
}

// compareConfigs names the first field, sorted by name, in which the
// configurations of two images differ.
func compareConfigs(their, our partial.WithRawConfigFile) (string, error) {
	theirs, err := flatConfig(their)
	if err != nil {
		return "", err
	}
	ours, err := flatConfig(our)
	if err != nil {
		return "", err
	}
	all := maps.Clone(theirs)
	maps.Copy(all, ours)
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if theirs[field] != ours[field] {
			return fmt.Sprintf("config field %s: published %s, rebuilt %s", field, theirs[field], ours[field]), nil
		}
	}
	return "", nil
}

// flatConfig maps the path of each field of a configuration to its JSON.
func flatConfig(image partial.WithRawConfigFile) (map[string]string, error) {
	raw, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string)
	var flatten func(path string, value json.RawMessage) error
	flatten = func(path string, value json.RawMessage) error {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil || object == nil {
			fields[path] = string(value)
			return nil
		}
		for key, value := range object {
			if err := flatten(path+"."+key, value); err != nil {
				return err
			}
		}
		return nil
	}
	if err := flatten("", raw); err != nil {
		return nil, err
	}
	return fields, nil
}
