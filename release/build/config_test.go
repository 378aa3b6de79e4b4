package build

import (
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/must"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func TestWriteConfig(t *testing.T) {
	clone := t.TempDir()
	must.Write(t, clone+"/.goreleaser.yaml", `version: 2
builds: [{targets: [linux_amd64, linux_arm_7, linux_mips_softfloat, darwin_arm64]}]
dockers_v2: [{platforms: [linux/amd64, linux/arm/v7], flags: [--provenance=false]}]
`)
	for _, c := range []struct {
		options        Options
		targets, flags []string
	}{
		{Options{}, []string{"linux_amd64", "linux_arm_7", "linux_mips_softfloat", "darwin_arm64"}, []string{"--provenance=false"}},
		{Options{ImageOnly: true}, []string{"linux_amd64", "linux_arm_7"}, []string{"--provenance=false"}},
		{Options{NoCache: true}, []string{"linux_amd64", "linux_arm_7", "linux_mips_softfloat", "darwin_arm64"}, []string{"--provenance=false", "--no-cache"}},
	} {
		c.options.Folder = t.TempDir()
		path, err := writeConfig(clone, c.options)
		if err != nil {
			t.Fatal(err)
		}
		if path == ".goreleaser.yaml" {
			path = clone + "/" + path
		}
		project, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := project.Builds[0].Targets; !slices.Equal(got, c.targets) {
			t.Errorf("%+v: the targets are %q, want %q", c.options, got, c.targets)
		}
		if got := project.DockersV2[0].Flags; !slices.Equal(got, c.flags) {
			t.Errorf("%+v: the flags are %q, want %q", c.options, got, c.flags)
		}
	}
	got, err := Architectures(clone)
	if want := []string{"amd64", "arm", "mips"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the architectures are %q (%v), want %q", got, err, want)
	}
}

// Each line of the configuration that the pipeline relies on is missed, with what to
// write.
func TestCheckConfig(t *testing.T) {
	if err := CheckConfig("../.."); err != nil {
		t.Error(err)
	}
	own := must.Read(t, "../../.goreleaser.yaml")
	for _, c := range []struct{ old, new, says string }{
		{"- linux_amd64", "", "want linux_amd64 among them"},
		{"formats: [binary]", "formats: [zip]", "archives: want one with formats: [binary]"},
		{"{{ .ProjectName }}_{{ .Os }}", "{{ .ProjectName }}-{{ .Os }}", "archives: want one with formats: [binary] and name_template"},
		{"name_template: checksums.txt", "name_template: sums.txt", `checksum: name_template "sums.txt", want checksums.txt`},
		{"ids: [binaries]", "ids: [others]", `checksum: ids ["others"]`},
		{"artifacts: binary", "artifacts: archive", "sboms: want one with artifacts: binary"},
		{`tags: ["staging-{{ .Version }}"]`, `tags: ["{{ .Version }}"]`, `dockers_v2: tags ["{{ .Version }}"]`},
		{`sbom: "false"`, `sbom: "true"`, `dockers_v2: sbom "true", want "false"`},
		{"--provenance=false, ", "", "want --provenance=false"},
		{"\n  draft: true", "", "release: want draft: true"},
	} {
		clone := t.TempDir()
		if strings.Count(own, c.old) != 1 {
			t.Fatalf(".goreleaser.yaml has %q %d times, want once", c.old, strings.Count(own, c.old))
		}
		must.Write(t, clone+"/.goreleaser.yaml", strings.Replace(own, c.old, c.new, 1))
		must.Fail(t, CheckConfig(clone), c.says)
	}
	clone := t.TempDir()
	must.Write(t, clone+"/.goreleaser.yaml", "version: 2\ndockers_v2: [{platforms: [linux/arm64]}]\n")
	must.Fail(t, CheckConfig(clone), "want at least two")
}
