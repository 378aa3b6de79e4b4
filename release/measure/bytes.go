package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"

	"argserver/release/build"
	"argserver/release/check"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pulled names the row with the size of a pull.
func pulled(p v1.Platform) string { return "pulled for " + p.String() + ", bytes" }

// host is the platform of this machine.
var host = v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}

// measureBytes measures the binaries and a pull of argserver's image. The other
// programs count as their binary after gzip -9: no image of them is smaller.
func measureBytes(ctx context.Context, t *table, programs []program, release *build.Release, folder string) error {
	for i, p := range programs {
		path, err := exec.LookPath(p.command[0])
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		compressed, err := gzipped(ctx, path)
		if err != nil {
			return err
		}
		t.add("binary, bytes", i, float64(info.Size()))
		t.add("binary after gzip -9, bytes", i, compressed)
		if i != 1 {
			t.add(pulled(host), i, compressed)
		}
	}
	for _, p := range release.Platforms {
		image, err := check.PlatformImage(release.Index, p)
		if err != nil {
			return err
		}
		size, err := check.PulledBytes(image)
		if err != nil {
			return err
		}
		t.add(pulled(p), 1, float64(size))
		if p.Equals(host) {
			continue
		}
		baseline, err := buildBaseline(ctx, folder, p)
		if err != nil {
			return err
		}
		compressed, err := gzipped(ctx, baseline)
		if err != nil {
			return err
		}
		t.add(pulled(p), 0, compressed)
	}
	return nil
}

// gzipped returns the size of a file after gzip -9, without a name in its header.
func gzipped(ctx context.Context, path string) (float64, error) {
	out, err := exec.CommandContext(ctx, "gzip", "-9", "--no-name", "--stdout", path).Output()
	return float64(len(out)), err
}
