package build

import (
	"errors"
	"fmt"
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

// nameTemplate gives every binary the name that the release notes and users rely on.
const nameTemplate = `{{ .ProjectName }}_{{ .Os }}_{{ .Arch }}{{ with .Arm }}v{{ . }}{{ end }}`

// CheckConfig reports everything that the .goreleaser.yaml of a repository lacks for the
// pipeline to release it, and what to write.
func CheckConfig(clone string) error {
	project, err := LoadConfig(clone)
	if err != nil {
		return err
	}
	var problems []error
	want := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(".goreleaser.yaml: "+format, values...))
		}
	}
	var targets []string
	for _, build := range project.Builds {
		targets = append(targets, build.Targets...)
	}
	want(slices.Contains(targets, "linux_amd64"), "builds: targets %q, want linux_amd64 among them", targets)
	binaries := slices.IndexFunc(project.Archives, func(a config.Archive) bool {
		return slices.Equal(a.Formats, []string{"binary"}) && a.NameTemplate == nameTemplate
	})
	want(binaries >= 0, "archives: want one with formats: [binary] and name_template: %q", nameTemplate)
	want(project.Checksum.NameTemplate == "checksums.txt", "checksum: name_template %q, want checksums.txt", project.Checksum.NameTemplate)
	want(binaries < 0 || project.Archives[binaries].ID != "" && slices.Equal(project.Checksum.IDs, []string{project.Archives[binaries].ID}),
		"checksum: ids %q, want the id of the binaries under archives, and no other", project.Checksum.IDs)
	want(slices.ContainsFunc(project.SBOMs, func(s config.SBOM) bool {
		return s.Artifacts == "binary" && slices.Equal(s.Documents, []string{"{{ .ArtifactName }}.spdx.json"})
	}), `sboms: want one with artifacts: binary and documents: ["{{ .ArtifactName }}.spdx.json"]`)
	want(len(project.DockersV2) == 1, "dockers_v2: %d images, want one", len(project.DockersV2))
	for _, image := range project.DockersV2 {
		want(slices.Equal(image.Tags, []string{"staging-{{ .Version }}"}), `dockers_v2: tags %q, want ["staging-{{ .Version }}"]`, image.Tags)
		want(len(image.Platforms) > 1, "dockers_v2: platforms %q, want at least two, because BuildKit makes no index of one", image.Platforms)
		want(image.SBOM == "false", `dockers_v2: sbom %q, want "false": it would change the digest of the index each time`, image.SBOM)
		want(slices.Contains(image.Flags, "--provenance=false"), "dockers_v2: flags %q, want --provenance=false: it would change the digest of the index each time", image.Flags)
	}
	want(project.Release.Draft, "release: want draft: true, because the pipeline makes the release public at the end")
	return errors.Join(problems...)
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
