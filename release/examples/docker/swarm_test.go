package docker_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"argserver/release/internal/examples"
	"argserver/release/internal/must"
)

func testSwarm(t *testing.T, image string) {
	if state := must.Run(t, ".", "docker", "info", "--format={{ .Swarm.LocalNodeState }}"); state != "inactive" {
		t.Fatalf("this Docker Engine is in a swarm (%s), and the test would add to it: docker swarm leave", state)
	}
	p := prepare(t, image, "Swarm", "stack.yaml")
	deploy, _, _ := strings.Cut(p.Start, "\ncurl ")
	outside, _ := examples.Type(t, p.dir, deploy)
	must.Run(t, ".", "docker", "swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377")
	t.Cleanup(func() {
		must.Run(t, ".", "docker", "swarm", "leave", "--force")
		must.Run(t, ".", "docker", "network", "rm", "docker_gwbridge") // which the Engine would keep
	})
	p.start(t)
	const want = "user 65532:65532, read-only true, 134217728 bytes, 1000000000 CPUs/1e9, 64 pids, CapBnd 0000000000000000, NoNewPrivs 0, Seccomp 2"
	got := hardened(t, must.Run(t, ".", "docker", "ps", "--quiet", "--filter=name=argserver_argserver"))
	got = regexp.MustCompile(`with swap -?\d+, `).ReplaceAllString(got, "") // which a stack cannot set
	if got != want {
		t.Errorf("the container has\n%s, want\n%s", got, want)
	}
	t.Run("update", func(t *testing.T) { testUpdate(t, p, deploy) })
	p.remove(t)

	p.Arguments, p.Mistakes = ofThisClient(t, p.Arguments), ofThisClient(t, p.Mistakes)
	file := "version: \"3.9\"\nservices:\n"
	ports := must.FreePorts(t, len(p.Arguments))
	for i, r := range p.Arguments {
		service := indent("image: " + image + "\nports: [{target: 8080, published: " + ports[i] + ", mode: host}]\n" + r.Left)
		if isArgs(r) {
			file += fmt.Sprintf("  row%d:\n%s", i, service)
			continue
		}
		must.Write(t, filepath.Join(p.dir, "row.yaml"), "version: \"3.9\"\nservices:\n  row:\n"+service)
		got, err := examples.Type(t, p.dir, "docker stack deploy --compose-file row.yaml argserver-row")
		if err == nil {
			t.Errorf("%s\nstarts, but the page says\n%s", r.Left, r.Right)
		}
		examples.Check(t, r, got)
	}
	must.Write(t, filepath.Join(p.dir, "rows.yaml"), file)
	must.Run(t, p.dir, "docker", "stack", "deploy", "--compose-file=rows.yaml", "argserver-rows")
	for i, r := range p.Arguments {
		if isArgs(r) {
			got, err := args("localhost:" + ports[i])
			if err != nil {
				t.Error(err)
			}
			examples.Check(t, r, got)
		}
	}
	must.Run(t, ".", "docker", "stack", "rm", "argserver-rows")
	awaitRemoved(t, "argserver-rows")

	for _, r := range p.Mistakes {
		t.Run(r.Left, func(t *testing.T) {
			if r.Left == "no swarm" {
				examples.Check(t, r, outside)
				return
			}
			p.mistake(t, image, r)
			got, err := examples.Type(t, p.dir, deploy)
			if err == nil {
				got = await(t, contains(r.Right), "docker", "stack", "ps", "--no-trunc", "--format={{ .CurrentState }} {{ .Error }}", "argserver")
				p.remove(t)
			}
			examples.Check(t, r, got)
		})
	}
}

// ofThisClient leaves out rows for another client: the page has two rows for what
// depends on it.
func ofThisClient(t *testing.T, all []examples.Row) []examples.Row {
	t.Helper()
	old := strings.HasPrefix(must.Run(t, ".", "docker", "version", "--format={{ .Client.Version }}"), "20.10.")
	return slices.DeleteFunc(slices.Clone(all), func(r examples.Row) bool {
		another := func(other examples.Row) bool { return other.Left == r.Left && other != r }
		if slices.ContainsFunc(all, another) && old != strings.Contains(r.Cell, "Docker 20.10") {
			t.Logf("not run with this client: %s", r.Cell)
			return true
		}
		return false
	})
}

// testUpdate updates the service of the example, then makes an update that does not
// become healthy: Swarm brings the version before it back. Sometimes it waits a minute
// first, for a task that it stopped before the port was free.
func testUpdate(t *testing.T, p place, deploy string) {
	file := filepath.Join(p.dir, p.file)
	content := must.Read(t, file)
	t.Cleanup(func() { must.Write(t, file, content) })
	for _, c := range []struct{ command, state, args string }{
		{"[k]", "completed", `["/argserver","k"]`},
		{"[l]\n    healthcheck: {test: [CMD, /health], interval: 1s, retries: 1}", "rollback_completed", `["/argserver","k"]`},
	} {
		must.Write(t, file, strings.Replace(content, "[g, h, i, j]", c.command, 1))
		// The drain takes 5 s, and requests in flight may then take 8 s.
		p.answersWhile(t, "11s", func() {
			if out, err := examples.Type(t, p.dir, deploy); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		state := await(t, func(out string) bool { return out == c.state }, "docker", "service", "inspect", "--format={{ .UpdateStatus.State }}", "argserver_argserver")
		if got, err := args("localhost:" + p.port); err != nil || strings.TrimSpace(got) != c.args || state != c.state {
			t.Errorf("the update to %s is %s, and the arguments are %s (%v), want %s and %s", c.command, state, got, err, c.state, c.args)
		}
		for line := range strings.Lines(must.Run(t, ".", "docker", "ps", "--all", "--filter=label=com.docker.swarm.service.name=argserver_argserver",
			"--filter=status=exited", "--format={{ .Status }}")) {
			if !strings.HasPrefix(line, "Exited (0)") {
				t.Errorf("a task that Swarm stopped is %s, want Exited (0)", line)
			}
		}
	}
}

// remove types the commands that stop the stack, and waits until its tasks are gone.
func (p place) remove(t *testing.T) {
	t.Helper()
	p.stop(t)
	awaitRemoved(t, "argserver")
}

// awaitRemoved waits until the containers of a stack are gone, and then its network.
func awaitRemoved(t *testing.T, stack string) {
	t.Helper()
	for _, list := range [][]string{{"ps", "--all"}, {"network", "ls"}} {
		list = append(list, "--quiet", "--filter=label=com.docker.stack.namespace="+stack)
		if left := await(t, func(out string) bool { return out == "" }, "docker", list...); left != "" {
			t.Errorf("docker %s still lists %s of the stack %s", list[0], left, stack)
		}
	}
}
