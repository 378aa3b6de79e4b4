package main

import (
	"context"
	"fmt"
	"strings"

	"argserver/release/internal/registry"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// check reports what would stop a release at its end, before anything is published:
// a release or a draft of the tag that somebody made by hand, or a registry that
// does not let this workflow push the image. Then it deletes the draft that an earlier
// run of the workflow left behind.
func check(ctx context.Context, releases *releases, tag, image string) error {
	draft, _, err := releases.find(ctx, tag)
	if err != nil {
		return err
	}
	repository, err := name.NewRepository(image)
	if err != nil {
		return err
	}
	// The tag is never pushed.
	err = remote.CheckPushPermission(repository.Tag("check"), authn.DefaultKeychain, registry.Transport())
	if err != nil || draft == nil {
		return explain(err, repository)
	}
	return releases.discard(ctx, draft)
}

// explain adds what to do to the refusal of a push that needs a change of settings.
func explain(err error, repository name.Repository) error {
	message, denied := registry.Denied(err)
	owner, pkg, _ := strings.Cut(repository.RepositoryStr(), "/")
	switch {
	case !denied:
		return err
	case strings.Contains(message, "write_package"):
		return fmt.Errorf("%w\nthe package %s exists, perhaps left over from a deleted repository or fork, and this repository may not write to it: "+
			"under Packages on https://github.com/%s open %s, then Package settings, and either give this repository the role Write under Manage Actions access "+
			"or delete the package; then run the failed jobs again", err, repository, owner, pkg)
	case strings.Contains(message, "not allowed to Create organization package"):
		return fmt.Errorf("%w\nthe organization %s does not let this workflow create a public package: "+
			"an owner allows it at https://github.com/organizations/%[2]s/settings/packages, under Package creation; then run the failed jobs again", err, owner)
	}
	return err
}
