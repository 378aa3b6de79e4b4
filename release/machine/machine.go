// Package machine says what this machine lacks for building a release and for
// rehearsing it: the script inspect finds packages and platforms, this package
// checks the rest. The script prepare installs what can be installed.
package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"argserver/release/internal/command"
)

// Check reports everything that the machine lacks for a rehearsal that runs
// Linux binaries for these values of GOARCH, or only for its own, and how to get it.
func Check(ctx context.Context, architectures []string) error {
	// The commands of this module run inside it.
	module, err := command.Output(exec.CommandContext(ctx, "go", "list", "-m", "-f={{ .Dir }}"))
	if err != nil {
		return err
	}
	var problems []error
	if len(architectures) == 0 {
		architectures = []string{runtime.GOARCH}
	}
	inspect := exec.CommandContext(ctx, filepath.Join(module, "machine", "inspect"), architectures...)
	// What it prints is the error.
	if out, err := inspect.CombinedOutput(); err != nil {
		problems = append(problems, errors.New(cmp.Or(strings.TrimSpace(string(out)), err.Error())))
	}
	if _, err := command.Output(exec.CommandContext(ctx, "docker", "version")); err != nil {
		problems = append(problems, lack(fmt.Sprintf("a Docker Engine: %v", err), "start dockerd, and use it as root or as a member of the group docker"))
	}
	problems = append(problems, checkSystem(runtime.GOOS), checkBuilder(ctx))
	return summary(problems...)
}

// CheckBuilder reports a machine that cannot build the image of a release, and
// what would help.
func CheckBuilder(ctx context.Context) error {
	return summary(checkSystem(runtime.GOOS), checkBuilder(ctx))
}

// checkSystem reports a system whose Docker runs elsewhere, in a virtual machine.
func checkSystem(goos string) error {
	if goos == "linux" {
		return nil
	}
	return lack("Linux, not "+goos+": the builder must reach a registry that this command starts on the loopback address",
		"run it on a machine or in a virtual machine with Linux")
}

func lack(what, remedy string) error {
	return fmt.Errorf("- %s\n    %s", what, remedy)
}

func summary(problems ...error) error {
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("this machine lacks:\n%w\non a bare Debian machine, .ci/run installs and starts all of it", err)
	}
	return nil
}

// checkBuilder reports a builder that cannot push an index of several platforms,
// or might not produce the same bytes as the release.
func checkBuilder(ctx context.Context) error {
	pinned, err := command.Output(exec.CommandContext(ctx, "go", "list", "-m", "-f={{ .Version }}", "github.com/moby/buildkit"))
	if err != nil {
		return err
	}
	remedy := "docker buildx create --use --driver=docker-container --driver-opt=network=host --driver-opt=image=moby/buildkit:" + pinned
	out, err := command.Output(exec.CommandContext(ctx, "docker", "buildx", "inspect", "--bootstrap"))
	if err != nil {
		return lack(fmt.Sprintf("a builder of buildx: %v", err), remedy)
	}
	if driver := field(out, "Driver"); driver == "docker" {
		return lack("a builder for images of several platforms: the current one uses the driver docker", remedy)
	}
	if got := field(out, "BuildKit version"); got != pinned {
		return lack(fmt.Sprintf("BuildKit %s: the current builder is BuildKit %s, and only %[1]s is known to produce the same bytes", pinned, got), remedy)
	}
	return nil
}

// field returns the value in a line "name: value".
func field(out, name string) string {
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `: +(.+?) *$`).FindStringSubmatch(out)
	if match == nil {
		return ""
	}
	return match[1]
}
