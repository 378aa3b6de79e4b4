package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TryImage has Docker pull the image that an index in a repository has for a
// platform, by its digest, and run it with its default arguments and then with
// others and as another user, with as few rights as can be. It must become
// healthy, answer with just these arguments, and stop with 0.
func TryImage(ctx context.Context, log io.Writer, repository string, index v1.ImageIndex, p v1.Platform) error {
	platform, err := PlatformImage(index, p)
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
			return tryContainer(ctx, p, image, defaultArgs)
		}),
		twice(ctx, log, func(ctx context.Context) error {
			return tryContainer(ctx, p, image, []string{"--help", "", "a  b", "c\nd"}, "--user=4242:4242")
		}),
	)
}

// defaultArgs are those that the image gives when it is given none.
var defaultArgs = []string{"a", "b", "c", "d"}

// tryContainer runs an image with as few rights as can be. Arguments that are
// not the default ones are given to it.
func tryContainer(ctx context.Context, p v1.Platform, image string, args []string, flags ...string) (err error) {
	command := append([]string{"run", "--detach", "--platform=" + p.String(), "--publish=127.0.0.1::8080",
		"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
		"--health-interval=1s", // which is sooner than the image asks for, and the same question
	}, flags...)
	command = append(command, image)
	if !slices.Equal(args, defaultArgs) {
		command = append(command, args...)
	}
	id, err := docker(ctx, command...)
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

	for health := ""; health != "healthy"; {
		if health, err = docker(ctx, "inspect", "--format={{ .State.Health.Status }}", id); err != nil {
			return err
		}
		if health == "unhealthy" {
			probes, _ := docker(ctx, "inspect", "--format={{ json .State.Health.Log }}", id)
			return fmt.Errorf("unhealthy: %s", probes)
		}
		time.Sleep(100 * time.Millisecond)
	}
	addr, err := docker(ctx, "port", id, "8080/tcp")
	if err != nil {
		return err
	}
	if err := wantAnswer(ctx, "http://"+addr+"/args", fmt.Sprintln(append([]string{"/argserver"}, args...))); err != nil {
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

// twice gives something that may run under QEMU, which now and then hangs or
// crashes, a minute and a second try.
func twice(ctx context.Context, log io.Writer, try func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		err := try(limited)
		cancel()
		if err == nil || attempt == 2 {
			return err
		}
		fmt.Fprintf(log, "trying again after: %v\n", err)
	}
}

func wantAnswer(ctx context.Context, url, want string) error {
	got, err := Get(ctx, url)
	if err == nil && string(got) != want {
		err = fmt.Errorf("GET %s answered %.300q, want %.300q", url, got, want)
	}
	return err
}

func docker(ctx context.Context, args ...string) (string, error) {
	return output(ctx, "docker", args...)
}
