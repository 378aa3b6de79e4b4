// Package rehearsal runs a release from tag to pulled image and judges what
// comes out of it from the outside, as those who download it will have it.
package rehearsal

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// BinaryPlatforms are the platforms that a raw binary is released for. They are
// listed here once more, so that one lost in .goreleaser.yaml is missed.
var BinaryPlatforms = platforms(
	"linux/386", "linux/amd64", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64",
	"linux/loong64", "linux/mips", "linux/mipsle", "linux/mips64", "linux/mips64le",
	"linux/ppc64", "linux/ppc64le", "linux/riscv64", "linux/s390x",
	"darwin/amd64", "darwin/arm64",
	"windows/386", "windows/amd64", "windows/arm64",
	"freebsd/386", "freebsd/amd64", "freebsd/arm/v7", "freebsd/arm64",
	"openbsd/amd64", "openbsd/arm64",
	"netbsd/amd64", "netbsd/arm64",
	"dragonfly/amd64",
	"illumos/amd64",
)

// ImagePlatforms are the platforms of the image index.
var ImagePlatforms = platforms(
	"linux/386", "linux/amd64", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64",
	"linux/ppc64le", "linux/riscv64", "linux/s390x",
)

// BinaryName is the name under which a platform's raw binary is published.
func BinaryName(p v1.Platform) string {
	name := "argserver_" + p.OS + "_" + p.Architecture + p.Variant
	if p.OS == "windows" {
		name += ".exe"
	}
	return name
}

func platforms(names ...string) []v1.Platform {
	list := make([]v1.Platform, len(names))
	for i, name := range names {
		p, err := v1.ParsePlatform(name)
		if err != nil {
			panic(err)
		}
		list[i] = *p
	}
	return list
}
