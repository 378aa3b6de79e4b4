// Package machine says what this machine lacks for building a release and for
// rehearsing it. The script prepare installs what can be installed.
package machine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"argserver/release/internal/command"
)

// packages lists what a rehearsal needs. Each line names a command and the Debian
// package that provides it.
//
//go:embed packages
var packages string

// Check reports everything that the machine lacks for a rehearsal that runs
// Linux binaries for these values of GOARCH, and how to get it.
func Check(ctx context.Context, architectures []string) error {
	var problems []error
	for line := range strings.Lines(packages) {
		name, pkg, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, err := exec.LookPath(name); err != nil {
			problems = append(problems, lack("the command "+name, "apt-get install "+pkg))
		}
	}
	if _, err := command.Output(exec.CommandContext(ctx, "docker", "version")); err != nil {
		problems = append(problems, lack(fmt.Sprintf("a Docker Engine: %v", err), "start dockerd, and use it as root or as a member of the group docker"))
	}
	problems = append(problems, checkSystem(runtime.GOOS), checkBuilder(ctx))
	if missing := missingEmulators(architectures); missing != nil {
		problems = append(problems, lack("QEMU registrations with the flags F and P for "+strings.Join(missing, ", "),
			"release/machine/prepare, as root"))
	}
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
	// The commands of this module run inside it.
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

// emulators maps each GOARCH to QEMU's name for it.
var emulators = map[string]string{
	"386": "i386", "amd64": "x86_64", "arm": "arm", "arm64": "aarch64", "loong64": "loongarch64",
	"mips": "mips", "mipsle": "mipsel", "mips64": "mips64", "mips64le": "mips64el",
	"ppc64": "ppc64", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x",
}

// native lists the values of GOARCH that every machine of a GOARCH runs without
// QEMU. Not every arm64 machine runs arm.
var native = map[string][]string{
	"amd64": {"amd64", "386"},
	"arm64": {"arm64"},
}

// missingEmulators lists the emulators that the kernel would not start by itself.
// It must keep the emulator open (flag F), because a container's file system does
// not contain it, and pass on argv[0] (flag P).
// https://docs.kernel.org/admin-guide/binfmt-misc.html
func missingEmulators(architectures []string) []string {
	var missing []string
	for _, architecture := range architectures {
		if slices.Contains(native[runtime.GOARCH], architecture) {
			continue
		}
		emulator := "qemu-" + emulators[architecture]
		content, _ := os.ReadFile("/proc/sys/fs/binfmt_misc/" + emulator)
		registered := string(content)
		flags := field(registered, "flags")
		if !strings.HasPrefix(registered, "enabled\n") || !strings.Contains(flags, "F") || !strings.Contains(flags, "P") {
			missing = append(missing, emulator)
		}
	}
	return missing
}
