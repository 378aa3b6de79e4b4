package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/command"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Image makes Docker pull the image for a platform from a repository, by its digest,
// and runs it.
func (t *Test) Image(ctx context.Context, log io.Writer, repository string, index v1.ImageIndex, p v1.Platform, m build.Metadata) error {
	platform, err := check.PlatformImage(index, p)
	if err != nil {
		return err
	}
	digest, err := platform.Digest()
	if err != nil {
		return err
	}
	image := repository + "@" + digest.String()
	if _, err := docker(ctx, "pull", "--quiet", "--platform="+p.String(), image); err != nil {
		return err
	}
	defer docker(context.WithoutCancel(ctx), "rmi", image)
	return t.Containers(ctx, log, image, p, m)
}

// Containers runs an image that Docker has.
func (t *Test) Containers(ctx context.Context, log io.Writer, image string, p v1.Platform, m build.Metadata) error {
	v := values(p, m)
	anotherUser := []string{"--user=4242:4242"}
	var problems []error
	try := func(flags, arguments []string, use func(ctx context.Context, id string) error) {
		problems = append(problems, twice(ctx, log, func(ctx context.Context) error {
			return contain(ctx, image, p, flags, arguments, use)
		}))
	}
	for _, c := range t.Commands {
		for _, flags := range [][]string{nil, anotherUser} {
			try(flags, c.Arguments, func(ctx context.Context, id string) error { return c.contained(ctx, id, v) })
		}
	}
	if t.Server != nil {
		port, flags, err := listens(ctx, image)
		if err != nil {
			return err
		}
		arguments := t.Server.Arguments
		if t.Server.ImageArguments != nil {
			arguments = t.Server.ImageArguments
		}
		defaults := &server{Status: t.Server.Status}
		try(flags, nil, func(ctx context.Context, id string) error { return defaults.contained(ctx, id, port, v) })
		try(append(flags, anotherUser...), arguments, func(ctx context.Context, id string) error {
			return t.Server.contained(ctx, id, port, v)
		})
	}
	return errors.Join(problems...)
}

// contain starts a container with as few privileges as possible, and removes it after
// its use. An error includes its log.
func contain(ctx context.Context, image string, p v1.Platform, flags, arguments []string, use func(context.Context, string) error) (err error) {
	id, err := docker(ctx, slices.Concat(
		[]string{"create", "--platform=" + p.String(), "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"},
		flags, []string{image}, arguments)...)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			logs, _ := exec.CommandContext(context.WithoutCancel(ctx), "docker", "logs", id).CombinedOutput()
			err = fmt.Errorf("%w; it logged %q", err, logs)
		}
		_, removed := docker(context.WithoutCancel(ctx), "rm", "--force", id)
		err = errors.Join(err, removed)
	}()
	if _, err := docker(ctx, "start", id); err != nil {
		return err
	}
	return use(ctx, id)
}

// contained waits until a container ends and checks it.
func (c invocation) contained(ctx context.Context, id string, v placeholders) error {
	out, err := docker(ctx, "wait", id)
	if err != nil {
		return err
	}
	status, err := strconv.Atoi(out)
	if err != nil {
		return err
	}
	var output, log bytes.Buffer
	logs := exec.CommandContext(ctx, "docker", "logs", id)
	logs.Stdout, logs.Stderr = &output, &log
	if err := logs.Run(); err != nil {
		return err
	}
	return c.check(output.String(), log.String(), status, v, true)
}

// contained waits until the server in a container works, asks it, and stops it.
func (s *server) contained(ctx context.Context, id, port string, v placeholders) error {
	address, err := awaitHealthy(ctx, id, port)
	if err != nil {
		return err
	}
	if err := s.ask(ctx, address, v, true); err != nil {
		return err
	}
	if _, err := docker(ctx, "stop", id); err != nil {
		return err
	}
	status, err := docker(ctx, "inspect", "--format={{ .State.ExitCode }}", id)
	if err == nil && status != fmt.Sprint(s.Status) {
		err = fmt.Errorf("after docker stop the exit status is %s, want %d", status, s.Status)
	}
	return err
}

// listens returns the port that an image exposes, and flags of docker create for it.
func listens(ctx context.Context, image string) (port string, flags []string, err error) {
	out, err := docker(ctx, "image", "inspect", "--format={{ json .Config }}", image)
	if err != nil {
		return "", nil, err
	}
	var config v1.Config
	if err := json.Unmarshal([]byte(out), &config); err != nil {
		return "", nil, err
	}
	if len(config.ExposedPorts) != 1 {
		return "", nil, fmt.Errorf("the image exposes %d ports, want one: EXPOSE in the Dockerfile", len(config.ExposedPorts))
	}
	for port = range config.ExposedPorts {
	}
	flags = []string{"--publish=127.0.0.1::" + port}
	if config.Healthcheck != nil {
		flags = append(flags, "--health-interval=1s") // sooner than the image asks for
	}
	return port, flags, nil
}

// awaitHealthy waits until the health check of a container succeeds, and returns the
// address of its port on this machine. Without a health check, the first response shows
// that the server works, whatever its status.
func awaitHealthy(ctx context.Context, id, port string) (address string, err error) {
	for ; ; time.Sleep(100 * time.Millisecond) {
		state, err := docker(ctx, "inspect", "--format={{ .State.Status }} {{ with .State.Health }}{{ .Status }}{{ end }}", id)
		if err != nil {
			return "", err
		}
		// A container that has just ended has no ports. The next round says that it ended.
		address, noPort := docker(ctx, "port", id, port)
		switch running, health, _ := strings.Cut(state, " "); {
		case running != "running":
			return "", fmt.Errorf("the container is %s, want it running", running)
		case noPort != nil:
		case health == "healthy":
			return address, nil
		case health == "unhealthy":
			log, _ := docker(ctx, "inspect", "--format={{ json .State.Health.Log }}", id)
			return "", fmt.Errorf("unhealthy: %s", log)
		case health == "":
			if _, _, err := get(ctx, "http://"+address+"/"); err == nil {
				return address, nil
			}
		}
	}
}

func docker(ctx context.Context, args ...string) (string, error) {
	return command.Output(exec.CommandContext(ctx, "docker", args...))
}
