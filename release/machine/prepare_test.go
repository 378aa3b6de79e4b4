package machine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/internal/must"
)

// The kernel of this machine stays as it is: the script prepares a folder. The
// file register there holds what was registered last.
func TestPrepare(t *testing.T) {
	const (
		link    = "usr/libexec/qemu-binfmt/arm-binfmt-P"
		s390x   = ":qemu-s390x:M::magic:mask:/usr/libexec/qemu-binfmt/s390x-binfmt-P:OPF\n"
		mounted = "proc/sys/fs/binfmt_misc/"
		// The package registers this on amd64.
		arm = `:qemu-arm:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:` +
			`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/` + link + ":OPF"
	)
	for _, c := range []struct {
		name, machine string
		files         []string // that are there, besides the package's
		mounts        bool     // whether the script mounts binfmt_misc
		registers     string
		links         bool // whether the link is there in the end
	}{
		{"amd64", "x86_64", []string{mounted + "register"}, false, s390x, false},
		{"amd64 not mounted", "x86_64", nil, true, s390x, false},
		{"amd64 again", "x86_64", []string{mounted + "register", mounted + "qemu-s390x"}, false, "", false},
		{"arm64 without the link", "aarch64", []string{mounted + "register"}, false, arm, true},
		{"arm64 with the link", "aarch64", []string{mounted + "register", link}, false, arm, true},
		{"arm64 again", "aarch64", []string{mounted + "register", link, mounted + "qemu-s390x", mounted + "qemu-arm"}, false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			must.Write(t, filepath.Join(root, "usr/lib/binfmt.d/qemu-s390x.conf"), s390x)
			must.Write(t, filepath.Join(root, "usr/bin/qemu-arm-static"), "")
			must.Write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), "")
			for _, folder := range []string{"usr/libexec/qemu-binfmt", mounted} {
				if err := os.MkdirAll(filepath.Join(root, folder), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			for _, file := range c.files {
				if file != link {
					must.Write(t, filepath.Join(root, file), "")
				} else if err := os.Symlink("../../bin/qemu-arm-static", filepath.Join(root, link)); err != nil {
					t.Fatal(err)
				}
			}
			out, err := prepare(t, root, map[string]string{"uname": "echo " + c.machine, "mount": `echo "mount $*"`, "apt-get": "exit 1"}, "")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if mounts := strings.Contains(out, "mount -t binfmt_misc none "+root); mounts != c.mounts {
				t.Errorf("the script mounts binfmt_misc: %v, want %v", mounts, c.mounts)
			}
			if got := must.Read(t, root, mounted, "register"); got != c.registers {
				t.Errorf("the script registers %q, want %q", got, c.registers)
			}
			if _, err := os.Stat(filepath.Join(root, link)); (err == nil) != c.links {
				t.Errorf("the link to QEMU for ARM: %v, want it there: %v", err, c.links)
			}
		})
	}
}

func TestPrepareInstalls(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken int // calls of apt-get that fail
		tries  int // more of them, that the log tells of
		fails  bool
	}{
		{"at once", 0, 0, false},
		{"third time", 2, 2, false},
		{"never", 3, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			list := filepath.Join(root, "packages")
			must.Write(t, list, "nft nftables\netcd etcd-server etcd-client\n")
			must.Write(t, filepath.Join(root, "broken"), strings.Repeat("x\n", c.broken))
			must.Write(t, filepath.Join(root, "usr/lib/binfmt.d/qemu-s390x.conf"), "")
			must.Write(t, filepath.Join(root, "proc/sys/fs/binfmt_misc/register"), "")
			out, err := prepare(t, root, map[string]string{
				"sleep": ":",
				"nft":   ":",
				"apt-get": `echo "apt-get $*" >>` + root + `/log
					[[ -s ` + root + `/broken ]] || exit 0
					sed -i 1d ` + root + `/broken
					exit 100`,
			}, "haproxy", list)
			if (err != nil) != c.fails {
				t.Errorf("the script ends with %v", err)
			}
			if tries := strings.Count(out, "retry: exit status 100 of: apt-get"); tries != c.tries {
				t.Errorf("the script tells of %d more tries, want %d:\n%s", tries, c.tries, out)
			}
			if installs := strings.HasSuffix(must.Read(t, root, "log"), " haproxy etcd-server etcd-client ca-certificates\n"); installs == c.fails {
				t.Errorf("the script installs haproxy, etcd-server and certificates: %v, want %v", installs, !c.fails)
			}
		})
	}
}

// prepare runs the script for a folder in place of /, with some commands replaced,
// the package of one command missing, and further lists of packages.
func prepare(t *testing.T, root string, commands map[string]string, missing string, lists ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"basename", "bash", "cat", "dirname", "ln", "sed", "uname"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(packages) {
		if name, _, _ := strings.Cut(line, " "); name != missing {
			commands[name] = ":"
		}
	}
	for name, script := range commands {
		os.Remove(filepath.Join(bin, name))
		must.Write(t, filepath.Join(bin, name), "#!/usr/bin/env bash\n"+script+"\n")
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("./prepare", lists...)
	cmd.Env = []string{"PATH=" + bin, "PREPARE_ROOT=" + root}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
