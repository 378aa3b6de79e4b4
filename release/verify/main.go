// Verify is what anybody runs to check a published release, without credentials.
//
//	verify rebuild VERSION|IMAGE
//	verify fetch TAG IMAGE
//	verify try-image IMAGE
//	verify try-files FOLDER
//
// Rebuild builds a release from the source in this clone and reports, artifact by
// artifact, whether the published bytes are the same. VERSION, such as v1.2.3,
// means every file and the image of the repository that the remote origin is on
// GitHub. IMAGE, such as ghcr.io/owner/argserver:1.2.3, means the image with all
// its platforms; it names its own version and repository. Rebuild uses no cache.
// It needs Docker and the builder of a rehearsal.
//
// Fetch downloads every public URL of a release once: each file of the tag and,
// if the image is latest, the same files of the latest release; and every tag of
// the version in the registry. The image is named by digest.
//
// Try-image checks the contents of every platform of an image and runs it with
// Docker and QEMU. Try-files checks all files in a folder of downloaded files, and
// runs the binary for this machine: Linux, macOS or Windows.
//
// Environment variables, which GitHub sets in a workflow except for the last:
//
//	GITHUB_REPOSITORY  OWNER/NAME; default: the remote origin
//	GITHUB_SERVER_URL  URL of GitHub; default https://github.com
//	REGISTRY           host of the registry; default ghcr.io
//
// Exit statuses: 0 everything is as it should be, 1 it is not or could not be
// checked, 2 wrong usage.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"

	"argserver/release/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "rebuild":
		err = rebuild(ctx, args[1])
	case len(args) == 3 && args[0] == "fetch":
		err = fetch(ctx, args[1], args[2])
	case len(args) == 2 && args[0] == "try-image":
		err = tryImage(ctx, args[1])
	case len(args) == 2 && args[0] == "try-files":
		err = tryFiles(ctx, args[1])
	default:
		fmt.Fprintf(os.Stderr, "verify: got %q, want rebuild VERSION|IMAGE, fetch TAG IMAGE, try-image IMAGE or try-files FOLDER\n", args)
		os.Exit(2)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "verify: %v\n", err)
		os.Exit(1)
	}
}

// releasesURL is where GitHub shows the releases of a repository.
func releasesURL(repository string) string {
	return cmp.Or(os.Getenv("GITHUB_SERVER_URL"), "https://github.com") + "/" + repository + "/releases"
}

// originRepository returns the repository on GitHub, OWNER/NAME, that this is a
// clone of.
func originRepository(ctx context.Context) (string, error) {
	if repository := os.Getenv("GITHUB_REPOSITORY"); repository != "" {
		return repository, nil
	}
	url, err := git(ctx, "remote", "get-url", "origin")
	if err != nil {
		return "", err
	}
	match := regexp.MustCompile(`github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?$`).FindStringSubmatch(url)
	if match == nil {
		return "", fmt.Errorf("remote origin is %q, want a repository on github.com, or GITHUB_REPOSITORY=OWNER/NAME", url)
	}
	return match[1], nil
}

func git(ctx context.Context, args ...string) (string, error) {
	return command.Output(exec.CommandContext(ctx, "git", args...))
}
