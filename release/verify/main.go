// Verify is what anybody runs to check a published release, without credentials.
//
//	verify rebuild VERSION|IMAGE [COMMIT]
//	verify fetch TAG IMAGE
//	verify try-image IMAGE
//	verify try-files TAG FOLDER
//	verify signatures TAG FOLDER [IMAGE]
//
// Rebuild builds a release from the source in this clone and reports, artifact by
// artifact, whether the published bytes are the same. VERSION, such as v1.2.3,
// means every file and the image of the repository that the remote origin is on
// GitHub. IMAGE, such as ghcr.io/owner/argserver:1.2.3, means the image with all
// its platforms. Rebuild uses no cache. It needs Docker and the builder of a
// rehearsal.
//
// Rebuild first compares what the image says about itself with what was asked for.
// The version must be VERSION or the tag of IMAGE; if IMAGE is named by digest or by
// a floating tag such as latest, rebuild prints the version as the claim of the image.
// The source must be the repository at origin, or on GitHub the path of IMAGE, here
// owner/argserver. The revision must be the commit that the tag of the version has in
// this clone. A clone without that tag needs COMMIT, which replaces it.
//
// Fetch downloads every public URL of a release once: each file and every tag of
// the version in the registry. The image is named by digest. A floating tag and the
// latest release may have moved on to a higher version; as long as the latest release
// is this one, fetch also downloads the files of latest, and expects the same sums.
// GitHub and the registry get four tries to show what has just become public.
//
// Try-image checks the contents of every platform of an image and runs it with
// Docker and QEMU. Try-files checks all files in a folder of downloaded files, and
// runs the one for this machine if there is one: Linux, macOS or Windows. Both compare
// with rootfs and smoke.yaml of this clone: check out the release first.
//
// Signatures runs the commands of the release notes that verify something, with cosign
// and gh, in a folder of downloaded files. With an image, which is named by digest, it
// verifies the image too, and every file instead of one.
//
// This clone is the Git repository that contains the working directory, unless SOURCE
// names another folder.
//
// Environment variables, the first two of which GitHub sets in a workflow:
//
//	GITHUB_REPOSITORY  OWNER/NAME; default: the remote origin
//	GITHUB_SERVER_URL  URL of GitHub; default https://github.com
//	REGISTRY           host of the registry; default ghcr.io
//	SOURCE             folder of the clone
//	PIPELINE           the workflow that signed, as in job.workflow_ref; default: that of
//	                   the repository itself at the tag
//
// Exit statuses: 0 everything is as it should be, 1 it is not or could not be
// checked, 2 wrong usage.
package main

import (
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
		err = rebuild(ctx, args[1], "")
	case len(args) == 3 && args[0] == "rebuild":
		err = rebuild(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "fetch":
		err = fetch(ctx, args[1], args[2])
	case len(args) == 2 && args[0] == "try-image":
		err = tryImage(ctx, args[1])
	case len(args) == 3 && args[0] == "try-files":
		err = tryFiles(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "signatures":
		err = signatures(ctx, args[1], args[2], "")
	case len(args) == 4 && args[0] == "signatures":
		err = signatures(ctx, args[1], args[2], args[3])
	default:
		fmt.Fprintf(os.Stderr, "verify: got %q, want rebuild VERSION|IMAGE [COMMIT], fetch TAG IMAGE, try-image IMAGE, try-files TAG FOLDER or signatures TAG FOLDER [IMAGE]\n", args)
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
	return serverURL() + "/" + repository + "/releases"
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

// git runs git in this clone.
func git(ctx context.Context, args ...string) (string, error) {
	return command.Output(exec.CommandContext(ctx, "git", append([]string{"-C", os.Getenv("SOURCE")}, args...)...))
}
