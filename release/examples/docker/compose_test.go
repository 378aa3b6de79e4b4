package docker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/internal/examples"
	"argserver/release/internal/must"
)

func testCompose(t *testing.T, image string) {
	// A configuration of its own makes this Compose the one that docker finds.
	t.Setenv("DOCKER_HOST", must.Run(t, ".", "docker", "context", "inspect", "--format={{ .Endpoints.docker.Host }}"))
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	must.Run(t, "compose", "go", "build", "-o="+os.Getenv("DOCKER_CONFIG")+"/cli-plugins/docker-compose", "github.com/docker/compose/v5/cmd")
	p := prepare(t, image, "Compose", "compose.yaml")
	t.Cleanup(func() { p.stop(t) })
	p.start(t)
	if got := hardened(t, "argserver-argserver-1"); got != hardening {
		t.Errorf("the container has\n%s, want\n%s", got, hardening)
	}
	p.answersWhile(t, "7s", func() { p.stop(t) })

	row := func(lines string) string { return "image: " + image + "\nports: [\"127.0.0.1::8080\"]\n" + lines }
	file := "services:\n"
	for i, r := range p.Arguments {
		service := fmt.Sprintf("  row%d:\n%s", i, indent(row(r.Left)))
		if isArgs(r) {
			file += service
			continue
		}
		must.Write(t, filepath.Join(p.dir, "row.yaml"), "services:\n"+strings.Replace(service, fmt.Sprint("row", i), "row", 1))
		const compose = "docker compose --project-name argserver-row --file row.yaml "
		got, err := examples.Type(t, p.dir, compose+"up --detach")
		examples.Type(t, p.dir, compose+"down")
		if err == nil {
			t.Errorf("%s\nstarts, but the page says\n%s", r.Left, r.Right)
		}
		examples.Check(t, r, got)
	}
	must.Write(t, filepath.Join(p.dir, "rows.yaml"), file)
	rows := func(args string) string {
		out, err := examples.Type(t, p.dir, "docker compose --project-name argserver-rows --file rows.yaml "+args)
		if err != nil {
			t.Fatalf("docker compose %s: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(out)
	}
	t.Cleanup(func() { rows("down") })
	rows("up --detach")
	for i, r := range p.Arguments {
		if isArgs(r) {
			lines := strings.Split(rows(fmt.Sprintf("port row%d 8080", i)), "\n")
			got, err := args(lines[len(lines)-1])
			if err != nil {
				t.Error(err)
			}
			examples.Check(t, r, got)
		}
	}

	for _, r := range p.Mistakes {
		t.Run(r.Left, func(t *testing.T) {
			t.Cleanup(func() { p.stop(t) }) // after the file is as it was
			p.mistake(t, image, r)
			got, err := examples.Type(t, p.dir, p.Start)
			if err == nil {
				t.Errorf("starts in spite of the mistake")
			}
			examples.Check(t, r, got)
		})
	}
}
