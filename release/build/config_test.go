package build

import (
	"slices"
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
