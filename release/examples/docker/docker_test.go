// The tests of this package run the examples for Docker, Compose and Swarm in the
// Docker Engine of this machine.
package docker_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/examples"
	"argserver/release/internal/must"
)

func TestDocker(t *testing.T) {
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
	for i, block := range p.Commands {
		p.Commands[i] = local.Replace(block)
	}
	if file != "" {
		must.Write(t, filepath.Join(p.dir, file), local.Replace(must.Read(t, p.dir, file)))
	}
	return p
}

// start types the first block of the section, which must print the arguments.
func (p place) start(t *testing.T) {
	t.Helper()
	out, err := examples.Type(t, p.dir, p.Commands[0])
	if want := `["/argserver","g","h","i","j"]`; err != nil || !strings.Contains(out, want) {
		t.Fatalf("the commands end with %v, and print this instead of %s:\n%s", err, want, out)
	}
}

// stop types the last block of the section.
func (p place) stop(t *testing.T) {
	t.Helper()
	if out, err := examples.Type(t, p.dir, p.Commands[len(p.Commands)-1]); err != nil {
		t.Errorf("the commands end with %v:\n%s", err, out)
	}
}

// mistake makes a mistake of the table in the example's file: two lines replace the
// first by the second, and one line comes at the end of the service. The test undoes
// it when it ends.
func (p place) mistake(t *testing.T, row examples.Row) {
	t.Helper()
	if row.Left == "a port in use by another program" {
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
	if !replaces {
		must.Write(t, file, content+"    "+row.Left+"\n")
		return
	}
	if !strings.Contains(content, old) {
		t.Fatalf("%s has no %q", p.file, old)
	}
	must.Write(t, file, strings.Replace(content, old, changed, 1))
}

// args asks a server for its arguments, until it answers.
func args(address string) (string, error) {
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var response *http.Response
		if response, err = http.Get("http://" + address + "/args?format=json"); err != nil {
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
