package rehearsal

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// requireMachine fails the test with everything that the machine lacks for a
// rehearsal, and how to get it, in one message.
func requireMachine(t *testing.T) {
	t.Helper()
	if lacks := machineLacks(); lacks != nil {
		t.Fatalf("the rehearsal needs what this machine lacks:\n%s\n.ci/run prepares a bare Debian machine with all of it.",
			strings.Join(lacks, "\n"))
	}
}

// machineLacks lists what the machine lacks for a rehearsal, and how to get it.
func machineLacks() []string {
	var lacks []string
	lack := func(what, remedy string) {
		lacks = append(lacks, fmt.Sprintf("- %s\n    %s", what, remedy))
	}
	if runtime.GOOS != "linux" {
		lack("Linux, not "+runtime.GOOS, "it runs what is released for Linux: use a machine or a virtual machine that has it")
	}
	for _, command := range []struct{ name, remedy string }{
		{"git", "apt-get install git"},
		{"curl", "apt-get install curl"},
		{"openssl", "apt-get install openssl"},
		{"docker", "apt-get install docker.io"},
		{"docker-registry", "apt-get install docker-registry"},
		{"haproxy", "apt-get install haproxy"},
	} {
		if _, err := exec.LookPath(command.name); err != nil {
			lack("the command "+command.name, command.remedy)
		}
	}
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		lack(fmt.Sprintf("a Docker Engine: docker version says %q (%v)", lastLine(out), err),
			"start dockerd, and use it as root or as a member of the group docker")
	}
	if problem := builderProblem(); problem != "" {
		lack("a builder that can push an index of several platforms: "+problem,
			"docker buildx create --use --driver=docker-container --driver-opt=network=host --driver-opt=image=moby/buildkit:"+pinned("github.com/moby/buildkit"))
	}
	if missing := missingEmulators(); missing != nil {
		lack("in /proc/sys/fs/binfmt_misc, with the flags F and P: "+strings.Join(missing, ", "),
			"apt-get install qemu-user-static, and restart systemd-binfmt")
	}
	return lacks
}

func TestMachineLacks(t *testing.T) {
	t.Setenv("PATH", "")
	lacks := strings.Join(machineLacks(), "\n")
	for _, want := range []string{"command git", "command docker\n", "command docker-registry", "command haproxy", "a Docker Engine", "a builder"} {
		if !strings.Contains(lacks, want) {
			t.Errorf("without any command the machine lacks\n%s\nwant %q among it", lacks, want)
		}
	}
}

// builderProblem says what is wrong with the current builder of buildx, if
// anything is.
func builderProblem() string {
	out, err := exec.Command("docker", "buildx", "inspect", "--bootstrap").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("docker buildx inspect says %q (%v)", lastLine(out), err)
	}
	if driver := field(out, "Driver"); driver == "docker" {
		return "the driver of the current one is docker"
	}
	if got, want := field(out, "BuildKit version"), pinned("github.com/moby/buildkit"); got != want {
		return fmt.Sprintf("the current one is BuildKit %s, and another one than %s may pack the same files into other bytes", got, want)
	}
	return ""
}

// pinned is the version of a module that go.mod asks for.
func pinned(module string) string {
	mod, err := readGoMod("go.mod")
	if err != nil {
		panic(err)
	}
	for _, require := range mod.Require {
		if require.Mod.Path == module {
			return require.Mod.Version
		}
	}
	panic("go.mod does not require " + module)
}

// field returns the value of a line "name: value".
func field(out []byte, name string) string {
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `: +(.+?) *$`).FindSubmatch(out)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// emulators are QEMU's names for a GOARCH.
var emulators = map[string]string{
	"386": "i386", "amd64": "x86_64", "arm": "arm", "arm64": "aarch64", "loong64": "loongarch64",
	"mips": "mips", "mipsle": "mipsel", "mips64": "mips64", "mips64le": "mips64el",
	"ppc64": "ppc64", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x",
}

// native are the GOARCHs that every machine of a GOARCH runs without QEMU. Not
// every arm64 runs arm.
var native = map[string][]string{
	"amd64": {"amd64", "386"},
	"arm64": {"arm64"},
}

// missingEmulators lists the emulators that the kernel would not start by
// itself. It must hold on to the emulator (flag F), which the file system of a
// container does not have, and hand on argv[0] (flag P), which the payload
// begins with.
func missingEmulators() []string {
	var missing []string
	for _, p := range BinaryPlatforms {
		if p.OS != "linux" || slices.Contains(native[runtime.GOARCH], p.Architecture) {
			continue
		}
		emulator := "qemu-" + emulators[p.Architecture]
		registered, _ := os.ReadFile("/proc/sys/fs/binfmt_misc/" + emulator)
		flags := field(registered, "flags")
		if !strings.HasPrefix(string(registered), "enabled\n") || !strings.ContainsRune(flags, 'F') || !strings.ContainsRune(flags, 'P') {
			missing = append(missing, emulator)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
