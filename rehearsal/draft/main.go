// Draft reads and writes the files of a release that is not public yet.
//
//	draft upload TAG FILE...
//	draft download TAG FOLDER
//
// A file replaces one of the same name that is there already.
//
// Environment variables, as GitHub's workflows have them:
//
//	GITHUB_REPOSITORY  OWNER/NAME
//	GITHUB_TOKEN       may write the contents of the repository, which it takes to
//	                   see a draft
//	GITHUB_API         address of the releases API, where it is not GitHub's own
//
// Exit statuses: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"fmt"
	"os"

	"argserver/rehearsal"
)

func main() {
	releases, err := rehearsal.NewReleases(os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_TOKEN"), os.Getenv("GITHUB_API"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "draft: %v\n", err)
		os.Exit(2)
	}
	ctx, args := context.Background(), os.Args[1:]
	switch {
	case len(args) >= 3 && args[0] == "upload":
		err = releases.Upload(ctx, args[1], args[2:]...)
	case len(args) == 3 && args[0] == "download":
		err = releases.Download(ctx, args[1], args[2])
	default:
		fmt.Fprintf(os.Stderr, "draft: got %q, want upload TAG FILE... or download TAG FOLDER\n", args)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "draft: %v\n", err)
		os.Exit(1)
	}
}
