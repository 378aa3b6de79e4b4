// Package must holds the steps of tests that end the test when they fail.
package must

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/internal/command"
	"argserver/release/standin"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Run runs a command in a folder and returns its standard output without the
// final newline.
func Run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := command.Output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Read returns the content of a file.
func Read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Write writes a file, and makes its folder if there is none.
func Write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// Platforms parses platforms such as linux/arm/v7.
func Platforms(t *testing.T, names ...string) []v1.Platform {
	t.Helper()
	var platforms []v1.Platform
	for _, name := range names {
		p, err := v1.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}
		platforms = append(platforms, *p)
	}
	return platforms
}

// Reference parses the name of an image.
func Reference(t *testing.T, s string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// Fail checks that an error contains a text. An empty text means no error.
func Fail(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("got the error %v, want none", err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("got the error %v, want one that contains %q", err, want)
	}
}

// MemoryRegistry starts a registry that keeps everything in memory until the
// test ends. It returns the host and port.
func MemoryRegistry(t *testing.T) string {
	t.Helper()
	address, stop := standin.StartMemoryRegistry()
	t.Cleanup(stop)
	return address
}

// Registry starts a real registry that ends with the test. It returns the host
// and port.
func Registry(t *testing.T) string {
	t.Helper()
	address, stop, err := standin.StartRegistry(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// FreePorts returns TCP ports that nobody listened on a moment ago.
func FreePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		ports = append(ports, port)
	}
	return ports
}
