package machine

import (
	"bytes"
	"cmp"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// The programs are for the architectures that they are said to be for, this machine
// runs its own, and a program that fails is reported.
func TestPlatforms(t *testing.T) {
	machines := map[string]elf.Machine{
		"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64, "loong64": elf.EM_LOONGARCH,
		"mips": elf.EM_MIPS, "mipsle": elf.EM_MIPS, "mips64": elf.EM_MIPS, "mips64le": elf.EM_MIPS,
		"ppc64": elf.EM_PPC64, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
	}
	names := strings.Fields(must.Run(t, ".", "bash", "-euc", "source ./requirements; architectures"))
	if len(names) != len(machines) {
		t.Errorf("the architectures are %q, want %d", names, len(machines))
	}
	for _, name := range names {
		program, err := exec.Command("bash", "-euc", "source ./requirements; platform "+name+"; elf").Output()
		if err != nil {
			t.Fatal(err)
		}
		file, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		is64, isLittle := strings.Contains(name, "64") || name == "s390x", !strings.HasPrefix(name, "mips") && name != "ppc64" && name != "s390x" || strings.HasSuffix(name, "le")
		if file.Machine != machines[name] || (file.Class == elf.ELFCLASS64) != is64 || (file.Data == elf.ELFDATA2LSB) != isLittle ||
			len(file.Progs) != 1 || file.Progs[0].Filesz != uint64(len(program)) || file.Entry <= file.Progs[0].Vaddr {
			t.Errorf("the program for %s is %+v with the segments %+v", name, file.FileHeader, file.Progs)
		}
	}
	if out, err := exec.Command("./inspect", runtime.GOARCH).CombinedOutput(); strings.Contains(string(out), "- linux/") {
		t.Errorf("inspect says %s (%v) of this machine's own architecture", out, err)
	}
	for _, c := range []struct{ script, want string }{
		{"elf() { printf '#!/bin/sh\nexit 3'; }; runs " + runtime.GOARCH, "the kernel does not run a program for it (exit status 3)\n"},
		{"TMPDIR=/nonexistent runs " + runtime.GOARCH, "/nonexistent does not exist, is full or does not allow programs, so it cannot be tried\n"},
		{"runs z80", "it is not one of the platforms in release/machine/requirements\n"},
	} {
		out, err := exec.Command("bash", "-c", "source ./requirements; "+c.script).Output()
		if err == nil || string(out) != c.want {
			t.Errorf("%s prints %q (%v), want %q", c.script, out, err, c.want)
		}
	}
}

// The registrations match what Debian's package registers.
func TestRegister(t *testing.T) {
	prepare := must.Read(t, "prepare")
	_, register, _ := strings.Cut(prepare, "\nregister() {")
	register, _, _ = strings.Cut(register, "\n}\n")
	for architecture, want := range map[string]string{
		"s390x": `:qemu-s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/bin/qemu:OPF`,
		"arm":   `:qemu-arm:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/bin/qemu:OPF`,
	} {
		folder := t.TempDir()
		must.Run(t, ".", "bash", "-euc", "source ./requirements; binfmt="+folder+"; uname() { echo other; }; register() {"+register+"\n}; platform "+architecture+"; register /bin/qemu")
		if got := must.Read(t, folder, "register"); got != want {
			t.Errorf("%s is registered as %q, want %q", architecture, got, want)
		}
	}
	folder := t.TempDir()
	must.Run(t, ".", "bash", "-euc", "source ./requirements; binfmt="+folder+"; register() {"+register+"\n}; platform amd64; uname() { echo x86_64; }; register /bin/qemu")
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Error("QEMU is registered for the machine's own programs")
	}
}

// An entry is a registration of QEMU as the kernel shows it.
func entry(interpreter, flags string) string {
	return "enabled\ninterpreter " + interpreter + "\nflags: " + flags + "\n"
}

// qemu is an emulator of a version that only knows its version.
func qemu(version string) string {
	return `echo "qemu-i386 version ` + version + ` (Debian)"`
}

// The machine is a folder. The kernel runs a program for 386 or s390x once QEMU is
// registered for it, or if the folder contains native-386 or native-s390x.
func TestPrepare(t *testing.T) {
	const register = "proc/sys/fs/binfmt_misc/register"
	for _, c := range []struct {
		name     string
		files    map[string]string // of the machine
		commands map[string]string // on its PATH
		apt      string            // shell code for apt-get, which fails without any

		says      []string
		registers string // the end of the last registration
		fails     bool
	}{
		{name: "all native", files: map[string]string{"native-386": "", "native-s390x": "", register: ""}},
		{name: "not mounted", files: map[string]string{"native-386": ""},
			commands: map[string]string{"qemu-s390x-static": qemu("7.2.17")}, says: []string{"mount -t binfmt_misc none "}, registers: "/qemu-s390x-static:OPF"},
		{name: "all native, without binfmt_misc", files: map[string]string{"native-386": "", "native-s390x": ""},
			commands: map[string]string{"mount": "exit 32"}},
		{name: "QEMU is there", files: map[string]string{"native-386": "", register: ""},
			commands: map[string]string{"qemu-s390x-static": qemu("7.2.17")}, registers: "/qemu-s390x-static:OPF"},
		{name: "QEMU is installed", files: map[string]string{"native-386": "", register: ""},
			apt:  `if [[ $* == *install*qemu-user-static* ]]; then echo '#!/bin/sh' >"$BIN/qemu-s390x-static"; chmod +x "$BIN/qemu-s390x-static"; fi`,
			says: []string{"apt-get install"}, registers: "/qemu-s390x-static:OPF"},
		{name: "registered by the package", files: map[string]string{"native-386": "", "proc/sys/fs/binfmt_misc/qemu-s390x": entry("/bin/qemu", "POCF"),
			register: "qemu-s390x by the package"}, commands: map[string]string{"qemu-s390x-static": qemu("7.2.17")}, registers: "qemu-s390x by the package"},
		{name: "registered without the flag P", files: map[string]string{"native-386": "", "proc/sys/fs/binfmt_misc/qemu-s390x": entry("/bin/qemu", "OCF"),
			register: "qemu-s390x by another program"}, commands: map[string]string{"qemu-s390x-static": qemu("7.2.17")}, registers: "/qemu-s390x-static:OPF"},
		{name: "registered without the flag F", files: map[string]string{"native-386": "", "proc/sys/fs/binfmt_misc/qemu-s390x": entry("/bin/qemu", "POC"),
			register: "qemu-s390x by another program"}, commands: map[string]string{"qemu-s390x-static": qemu("7.2.17")}, registers: "/qemu-s390x-static:OPF"},
		// As on Debian 12 with a kernel that refuses 32-bit x86.
		{name: "QEMU too old", files: map[string]string{"native-s390x": "", register: ""},
			commands: map[string]string{"qemu-i386-static": qemu("7.2.17")},
			// The list of sources must name Debian 13, and the key that signs it.
			apt: `if [[ $* == *" download qemu-user" ]]; then : >qemu-user_1_amd64.deb; fi
				[[ $* != *install* ]] || exit 1
				[[ $* =~ Dir::Etc::SourceList=([^ ]*)\ -o\ Dir::Etc::SourceParts=/dev/null && $(<"${BASH_REMATCH[1]}") == "deb [signed-by=/usr/share/keyrings/"*" trixie main" ]]`,
			says: []string{"linux/386: the kernel does not run a program for it", "get that of Debian 13"}, registers: "/usr/local/bin/qemu-i386:OPF"},
		{name: "fetched before", files: map[string]string{"native-s390x": "", register: ""},
			commands: map[string]string{"qemu-i386-static": qemu("7.2.17"), "qemu-i386": qemu("10.0.2")}, registers: "/qemu-i386:OPF"},
		{name: "QEMU just new enough", files: map[string]string{"native-s390x": "", register: ""},
			commands: map[string]string{"qemu-i386-static": qemu("8.2.0")}, registers: "/qemu-i386-static:OPF"},
		// As on Debian 12 for arm64.
		{name: "old QEMU registered", files: map[string]string{"native-s390x": "", "proc/sys/fs/binfmt_misc/qemu-i386": entry("/old", "POCF"),
			"old": "#!/bin/sh\n" + qemu("7.2.17"), register: "qemu-i386 by the package"},
			commands: map[string]string{"qemu-i386-static": qemu("8.2.2")}, registers: "/qemu-i386-static:OPF"},
		// As by Docker's image that registers emulators.
		{name: "QEMU registered from a container", files: map[string]string{"native-s390x": "", "proc/sys/fs/binfmt_misc/qemu-i386": entry("/nowhere", "POCF"),
			register: "qemu-i386 by a container"}, registers: "qemu-i386 by a container"},
		{name: "no QEMU to be had", files: map[string]string{"native-386": "", register: ""}, fails: true,
			says: []string{"retry: exit status 100 of: apt-get", "- linux/s390x: the kernel does not run a program for it"}},
		{name: "client without Engine", files: map[string]string{"native-386": "", "native-s390x": "", register: ""},
			commands: map[string]string{"docker": `[[ $1 == --version ]]`, "dockerd": "exit 127"},
			apt:      `[[ $* != *"install "*" docker.io "* ]] || echo '#!/bin/sh' >"$BIN/dockerd"`, says: []string{"--no-install-recommends docker.io ~n^docker-cli$"}},
		{name: "still no Engine", files: map[string]string{"native-386": "", "native-s390x": "", register: ""},
			commands: map[string]string{"docker": `[[ $1 == --version ]]`, "dockerd": "exit 127"}, apt: ":", fails: true,
			says: []string{"- docker.io ~n^docker-cli$: this command fails: docker --version && ", "    apt-get install docker.io ~n^docker-cli$, as root"}},
		{name: "no certificates", files: map[string]string{"native-386": "", "native-s390x": "", register: ""},
			commands: map[string]string{"openssl": `[[ $1 == version ]]`}, apt: ":", fails: true, says: []string{"- ca-certificates: this command fails"}},
		{name: "list of another test", files: map[string]string{"native-386": "", "native-s390x": "", register: "", "list": "reader: cat\nnftables: nft --version\n"},
			apt: `[[ $* != *" nftables" ]] || { echo '#!/bin/sh' >"$BIN/nft"; chmod +x "$BIN/nft"; }`, says: []string{"--no-install-recommends nftables"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, bin := t.TempDir(), t.TempDir()
			write := func(path, content string) {
				must.Write(t, path, content)
				if err := os.Chmod(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for name, content := range c.files {
				write(filepath.Join(root, name), content)
			}
			for _, folder := range []string{filepath.Dir(register), "usr/local/bin"} {
				if err := os.MkdirAll(filepath.Join(root, folder), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			link(t, bin, "bash", "cat", "chmod", "dirname", "grep", "install", "mkdir", "mktemp", "od", "readlink", "rm", "sed", "sh", "sort", "timeout", "tr")
			commands := map[string]string{
				"apt-get": `echo "apt-get $*" >&2; ` + cmp.Or(c.apt, "exit 100"),
				"mount":   `echo "mount $*"`,
				"uname":   "echo x86_64",
				"sleep":   ":",
				// Debian 13's emulator.
				"dpkg": `mkdir -p "$3/usr/bin"; printf '#!/bin/sh\n` + strings.ReplaceAll(qemu("10.0.2"), "'", "") + `\n' >"$3/usr/bin/qemu-i386"; chmod +x "$3/usr/bin/qemu-i386"`,
			}
			for _, name := range []string{"git", "gcc", "curl", "jq", "openssl", "docker", "dockerd", "docker-registry", "haproxy"} {
				commands[name] = ":"
			}
			for name, script := range c.commands {
				commands[name] = script
			}
			for name, script := range commands {
				write(filepath.Join(bin, name), "#!/usr/bin/env bash\n"+script+"\n")
			}

			folder := t.TempDir()
			for _, name := range []string{"prepare", "packages", "retry"} {
				write(filepath.Join(folder, name), must.Read(t, name))
			}
			write(filepath.Join(folder, "requirements"), must.Read(t, "requirements")+`
				architectures() { echo 386; echo s390x; }
				elf() {
					local native=native-386
					[[ $qemu == i386 ]] || native=native-s390x
					printf '#!/bin/sh\n[ -e "$PREPARE_ROOT/%s" ] || grep -q "qemu-%s" "$PREPARE_ROOT/`+register+`"\n' "$native" "$qemu"
				}`)
			cmd := exec.Command(filepath.Join(folder, "prepare"))
			if c.files["list"] != "" {
				cmd.Args = append(cmd.Args, filepath.Join(root, "list"))
			}
			cmd.Env = []string{"PATH=" + bin + ":" + root + "/usr/local/bin", "PREPARE_ROOT=" + root, "BIN=" + bin, "TMPDIR=" + t.TempDir()}
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails {
				t.Errorf("the script ends with %v", err)
			}
			for _, want := range c.says {
				if !strings.Contains(string(out), want) {
					t.Errorf("the script does not print %q", want)
				}
			}
			if strings.Contains(string(out), "apt-get") && c.apt == "" && !c.fails {
				t.Error("the script calls apt-get, want it to leave the machine alone")
			}
			if got, _ := os.ReadFile(filepath.Join(root, register)); !strings.HasSuffix(string(got), c.registers) || c.registers == "" && len(got) > 0 {
				t.Errorf("the last registration is %q, want one that ends with %q", got, c.registers)
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// link puts commands of this machine into a folder.
func link(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}
