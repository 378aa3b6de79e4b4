// The tests of this package run the examples for Docker, Compose and Swarm in the
// Docker Engine of this machine.
package docker_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/examples"
	"argserver/release/internal/must"
)

func TestDocker(t *testing.T) {
	// Containers and networks of the same names may be somebody's own.
	for _, list := range []string{"docker ps --all --format={{.Names}}", "docker network ls --format={{.Name}}"} {
		for _, name := range strings.Fields(must.Run(t, ".", "sh", "-c", list)) {
			if strings.HasPrefix(name, "argserver") {
				t.Fatalf("%s lists %q, which these tests might remove: remove it first", list, name)
			}
		}
	}
	image := examples.Image(examples.Release(t))
	t.Cleanup(func() { exec.Command("docker", "rmi", "--force", image).Run() })
	t.Run("run", func(t *testing.T) { testRun(t, image) })
	t.Run("compose", func(t *testing.T) { testCompose(t, image) })
	t.Run("swarm", func(t *testing.T) { testSwarm(t, image) })
}

// place is an example at work: a section of the page, a folder with the files, and
// a free port in place of 8080.
type place struct {
	examples.Section
	dir, file, port string
}

// prepare copies the examples. A section without a file of its own has commands only.
func prepare(t *testing.T, image, heading, file string) place {
	p := place{examples.Read(t, heading), examples.Folder(t, image), file, must.FreePorts(t, 1)[0]}
	local := strings.NewReplacer(examples.Published, image, "127.0.0.1:8080:", "127.0.0.1:"+p.port+":",
		"published: 8080", "published: "+p.port, "localhost:8080", "localhost:"+p.port)
	p.Start, p.Stop = local.Replace(p.Start), local.Replace(p.Stop)
	if file != "" {
		must.Write(t, filepath.Join(p.dir, file), local.Replace(must.Read(t, p.dir, file)))
	}
	return p
}

// start types the commands that start the example. They must print its arguments.
func (p place) start(t *testing.T) {
	t.Helper()
	out, err := examples.Type(t, p.dir, p.Start)
	if want := `["/argserver","g","h","i","j"]`; err != nil || !strings.Contains(out, want) {
		t.Fatalf("the commands end with %v, and print this instead of %s:\n%s", err, want, out)
	}
}

// stop types the commands that stop the example.
func (p place) stop(t *testing.T) {
	t.Helper()
	if out, err := examples.Type(t, p.dir, p.Stop); err != nil {
		t.Errorf("the commands end with %v:\n%s", err, out)
	}
}

// mistake makes a mistake of the table in the example's file: of two lines, the second
// replaces the first, and one line comes at the end of the service or replaces the image.
// The test undoes it when it ends.
func (p place) mistake(t *testing.T, image string, row examples.Row) {
	t.Helper()
	switch row.Left {
	case "a port in use by another container":
		id := must.Run(t, ".", "docker", "run", "--detach", "--publish=127.0.0.1:"+p.port+":8080", image)
		t.Cleanup(func() { must.Run(t, ".", "docker", "rm", "--force", id) })
		return
	case "a port in use by another program":
		listener, err := net.Listen("tcp", ":"+p.port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		return
	}
	file := filepath.Join(p.dir, p.file)
	content := must.Read(t, file)
	t.Cleanup(func() { must.Write(t, file, content) })
	old, changed, replaces := strings.Cut(row.Left, "\n")
	if strings.HasPrefix(row.Left, "image: ") {
		old, changed, replaces = "image: "+image, row.Left, true
	}
	if !replaces {
		must.Write(t, file, content+"    "+row.Left+"\n")
		return
	}
	if !strings.Contains(content, old) {
		t.Fatalf("%s has no %q", p.file, old)
	}
	must.Write(t, file, strings.Replace(content, old, changed, 1))
}

// hardening is what the examples for docker run and Compose ask for.
const hardening = "user 65532:65532, read-only true, 134217728 bytes, with swap 134217728, 1000000000 CPUs/1e9, 64 pids, CapBnd 0000000000000000, NoNewPrivs 1, Seccomp 2"

// hardened returns what the kernel and Docker keep a container from.
func hardened(t *testing.T, container string) string {
	t.Helper()
	out := must.Run(t, ".", "docker", "inspect", "--format={{ .State.Pid }} user {{ .Config.User }}, read-only {{ .HostConfig.ReadonlyRootfs }}, "+
		"{{ .HostConfig.Memory }} bytes, with swap {{ .HostConfig.MemorySwap }}, {{ .HostConfig.NanoCpus }} CPUs/1e9, {{ .HostConfig.PidsLimit }} pids", container)
	pid, settings, _ := strings.Cut(out, " ")
	for line := range strings.Lines(must.Read(t, "/proc", pid, "status")) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t"); name == "CapBnd" || name == "NoNewPrivs" || name == "Seccomp" {
			settings += ", " + name + " " + value
		}
	}
	return settings
}

// answersWhile stops a server while it is busy with a request that takes some time, and
// checks that it answers nevertheless.
func (p place) answersWhile(t *testing.T, wait string, stop func()) {
	t.Helper()
	sent, answer := make(chan struct{}), make(chan error, 1)
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "http://localhost:"+p.port+"/request?wait="+wait, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
		}
		answer <- err
	}()
	select {
	case <-sent:
		stop()
	case err := <-answer:
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("a request of %s ends with %v when the server stops", wait, err)
	}
}

// args asks a server for its arguments, until it answers.
func args(address string) (string, error) {
	client := &http.Client{Timeout: 5 * time.Second}
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var response *http.Response
		if response, err = client.Get("http://" + address + "/args?format=json"); err != nil {
			continue
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		return string(body), err
	}
	return "", fmt.Errorf("%s does not answer: %w", address, err)
}

// isArgs tells whether a row shows arguments, not an error.
func isArgs(row examples.Row) bool { return strings.HasPrefix(row.Right, "[") }

// indent returns lines as they stand in a service of a Compose file.
func indent(lines string) string {
	return "    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}
