package try

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"

	"argserver/release/build"
	"argserver/release/check"
	"argserver/release/internal/command"
	"argserver/release/product"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Image makes Docker pull the image for a platform from a repository, by its
// digest, and run it twice: with its default arguments, and with others as
// another user.
func Image(ctx context.Context, log io.Writer, repository string, index v1.ImageIndex, p v1.Platform) error {
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
	return errors.Join(
		twice(ctx, log, func(ctx context.Context) error {
			return Container(ctx, p, image, product.Image.Cmd)
		}),
		twice(ctx, log, func(ctx context.Context) error {
			return Container(ctx, p, image, product.HostileArgs, "--user=4242:4242")
		}),
	)
}

// Container runs an image with as few privileges as possible, with its default
// arguments or with others. It must become healthy, give the answers of the
// product, and exit with 0 when Docker stops it.
func Container(ctx context.Context, p v1.Platform, image string, args []string, flags ...string) (err error) {
	var port string
	for port = range product.Image.ExposedPorts {
	}
	run := append([]string{"run", "--detach", "--platform=" + p.String(), "--publish=127.0.0.1::" + port,
		"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"}, flags...)
	if product.Image.Healthcheck != nil {
		run = append(run, "--health-interval=1s") // sooner than the image asks for
	}
	run = append(run, image)
	if !slices.Equal(args, product.Image.Cmd) {
		run = append(run, args...)
	}
	id, err := docker(ctx, run...)
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
	addr, err := docker(ctx, "port", id, port)
	if err != nil {
		return err
	}
	answers := product.Answers(append(slices.Clone(product.Image.Entrypoint), args...), p, build.Metadata{})
	if product.Image.Healthcheck != nil {
		err = awaitHealthy(ctx, id)
	} else {
		// Without a health check, its first answer shows that it has started.
		for err = ask(ctx, addr, answers); err != nil && ctx.Err() == nil; err = ask(ctx, addr, answers) {
			time.Sleep(100 * time.Millisecond)
		}
	}
	if err != nil {
		return err
	}
	if err := ask(ctx, addr, answers); err != nil {
		return err
	}
	if _, err := docker(ctx, "stop", id); err != nil {
		return err
	}
	status, err := docker(ctx, "inspect", "--format={{ .State.ExitCode }}", id)
	if err == nil && status != "0" {
		err = fmt.Errorf("after docker stop the exit status is %s, want 0", status)
	}
	return err
}

func awaitHealthy(ctx context.Context, id string) error {
	for {
		health, err := docker(ctx, "inspect", "--format={{ .State.Health.Status }}", id)
		if err != nil || health == "healthy" {
			return err
		}
		if health == "unhealthy" {
			log, _ := docker(ctx, "inspect", "--format={{ json .State.Health.Log }}", id)
			return fmt.Errorf("unhealthy: %s", log)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func docker(ctx context.Context, args ...string) (string, error) {
	return command.Output(exec.CommandContext(ctx, "docker", args...))
}
