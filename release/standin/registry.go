package standin

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// StartRegistry runs the registry of the Debian package docker-registry, which keeps
// its data in a folder. It returns host and port, and a function that stops it. The
// host is a loopback address, because Docker and BuildKit use plain HTTP for those.
func StartRegistry(folder string) (address string, stop func(), err error) {
	config := filepath.Join(folder, "registry.yml")
	content := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: 127.0.0.1:0}\n",
		filepath.Join(folder, "registry"))
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		return "", nil, err
	}
	cmd := exec.Command("docker-registry", "serve", config)
	log, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			go func() { // The registry blocks when the pipe is full.
				for lines.Scan() {
				}
			}()
			return match[1], func() { cmd.Process.Kill(); cmd.Wait() }, nil
		}
	}
	return "", nil, fmt.Errorf("docker-registry ended before it listened: %w", cmd.Wait())
}

// StartMemoryRegistry runs a registry that keeps everything in memory. It returns the
// host and port, and a function that ends it.
func StartMemoryRegistry() (address string, stop func()) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	return strings.TrimPrefix(server.URL, "http://"), server.Close
}
