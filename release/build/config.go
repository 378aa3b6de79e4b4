package build

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
	"go.yaml.in/yaml/v3"
)

// LoadConfig reads the .goreleaser.yaml of a repository.
func LoadConfig(clone string) (config.Project, error) {
	return config.Load(filepath.Join(clone, ".goreleaser.yaml"))
}

// writeConfig returns the path of the configuration for a release: the
// repository's own, or a copy that is reduced as the options say.
func writeConfig(clone string, o Options) (string, error) {
	if !o.ImageOnly && !o.NoCache {
		return ".goreleaser.yaml", nil
	}
	project, err := LoadConfig(clone)
	if err != nil {
		return "", err
	}
	var platforms []string
	for i := range project.DockersV2 {
		image := &project.DockersV2[i]
		platforms = append(platforms, image.Platforms...)
		if o.NoCache {
			image.Flags = append(image.Flags, "--no-cache")
		}
	}
	if o.ImageOnly {
		for i := range project.Builds {
			build := &project.Builds[i]
			build.Targets = slices.DeleteFunc(build.Targets, func(target string) bool {
				return !slices.Contains(platforms, platformName(target))
			})
			if len(build.Targets) == 0 {
				return "", errors.New(".goreleaser.yaml: no target is for a platform of the image, want targets such as linux_amd64 for linux/amd64")
			}
		}
	}
	content, err := yaml.Marshal(project)
	if err != nil {
		return "", err
	}
	path := filepath.Join(o.Folder, "goreleaser.yaml")
	return path, os.WriteFile(path, content, 0o666)
}

// platformName turns the name of a target, such as linux_arm_7, into that of a
// platform, such as linux/arm/v7.
func platformName(target string) string {
	parts := strings.Split(target, "_")
	if len(parts) > 2 && parts[1] == "arm" {
		parts[2] = "v" + parts[2]
	}
	return strings.Join(parts, "/")
}

// Architectures lists the values of GOARCH that a repository releases for Linux.
func Architectures(clone string) ([]string, error) {
	project, err := LoadConfig(clone)
	if err != nil {
		return nil, err
	}
	var architectures []string
	for _, build := range project.Builds {
		for _, target := range build.Targets {
			if rest, ok := strings.CutPrefix(target, "linux_"); ok {
				architecture, _, _ := strings.Cut(rest, "_")
				architectures = append(architectures, architecture)
			}
		}
	}
	if architectures == nil {
		return nil, errors.New(".goreleaser.yaml: no build lists a target for Linux, want targets such as linux_amd64")
	}
	slices.Sort(architectures)
	return slices.Compact(architectures), nil
}
