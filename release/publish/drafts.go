package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-github/v88/github"
)

// releases are the releases of a repository on GitHub.
type releases struct {
	client      *github.Client
	owner, name string
}

// newReleases returns the releases of a repository, OWNER/NAME. GitHub shows
// drafts only to a token that may write. api is the URL of the releases API if it
// is not GitHub's own.
func newReleases(repository, token, api string) (*releases, error) {
	owner, name, ok := strings.Cut(repository, "/")
	if !ok || token == "" {
		return nil, fmt.Errorf("repository %q with a token of %d characters: want OWNER/NAME and a token, as in GITHUB_REPOSITORY and GITHUB_TOKEN",
			repository, len(token))
	}
	options := []github.ClientOptionsFunc{github.WithAuthToken(token)}
	if api != "" {
		options = append(options, github.WithEnterpriseURLs(api, api))
	}
	client, err := github.NewClient(options...)
	return &releases{client, owner, name}, err
}

// find returns the draft and the public release of a tag, or nil for the one that
// does not exist.
func (r *releases) find(ctx context.Context, tag string) (draft, public *github.RepositoryRelease, err error) {
	for release, err := range r.client.Repositories.ListReleasesIter(ctx, r.owner, r.name, nil) {
		switch {
		case err != nil:
			return nil, nil, err
		case release.GetTagName() != tag:
		case release.GetDraft():
			draft = release
		default:
			public = release
		}
	}
	if draft == nil && public == nil {
		err = fmt.Errorf("%s/%s has no release of the tag %s and no draft of one", r.owner, r.name, tag)
	}
	return draft, public, err
}

// draft returns the id of a tag's draft, and those of its files by name.
func (r *releases) draft(ctx context.Context, tag string) (int64, map[string]int64, error) {
	draft, _, err := r.find(ctx, tag)
	if err != nil {
		return 0, nil, err
	}
	if draft == nil {
		return 0, nil, fmt.Errorf("the release of the tag %s is public: want a draft", tag)
	}
	files := make(map[string]int64)
	for asset, err := range r.client.Repositories.ListReleaseAssetsIter(ctx, r.owner, r.name, draft.GetID(), nil) {
		if err != nil {
			return 0, nil, err
		}
		files[asset.GetName()] = asset.GetID()
	}
	return draft.GetID(), files, nil
}

// upload adds files to the draft of a tag. A file replaces one of the same name.
func (r *releases) upload(ctx context.Context, tag string, paths ...string) error {
	id, there, err := r.draft(ctx, tag)
	if err != nil {
		return err
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if old, ok := there[name]; ok {
			if _, err := r.client.Repositories.DeleteReleaseAsset(ctx, r.owner, r.name, old); err != nil {
				return err
			}
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		_, _, err = r.client.Repositories.UploadReleaseAsset(ctx, r.owner, r.name, id, &github.UploadOptions{Name: name}, file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// download puts every file of a tag's draft into a folder.
func (r *releases) download(ctx context.Context, tag, folder string) error {
	_, files, err := r.draft(ctx, tag)
	if err != nil {
		return err
	}
	for name, id := range files {
		content, _, err := r.client.Repositories.DownloadReleaseAsset(ctx, r.owner, r.name, id, http.DefaultClient)
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(folder, filepath.Base(name)))
		if err == nil {
			_, err = io.Copy(file, content)
			err = cmp.Or(err, file.Close())
		}
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// publish makes the draft of a tag public. latest says whether it becomes the
// latest release. If the release is public already, publish deletes the draft,
// which a repeated run left behind.
func (r *releases) publish(ctx context.Context, tag string, latest bool) error {
	draft, public, err := r.find(ctx, tag)
	if err != nil {
		return err
	}
	if public != nil && draft != nil {
		if _, err := r.client.Repositories.DeleteRelease(ctx, r.owner, r.name, draft.GetID()); err != nil {
			return err
		}
	}
	release := cmp.Or(public, draft)
	_, _, err = r.client.Repositories.EditRelease(ctx, r.owner, r.name, release.GetID(), &github.RepositoryRelease{
		Draft:      new(bool),
		MakeLatest: github.Ptr(fmt.Sprint(latest)),
	})
	return err
}
