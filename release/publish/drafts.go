package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"argserver/release/internal/download"
	"argserver/release/internal/patiently"
	"argserver/release/tags"

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
	options := []github.ClientOptionsFunc{github.WithAuthToken(token), github.WithTransport(download.Transport)}
	if api != "" {
		options = append(options, github.WithEnterpriseURLs(api, api))
	}
	client, err := github.NewClient(options...)
	return &releases{client, owner, name}, err
}

// workflow is the user that the token of a workflow belongs to. A draft has it as
// its author from the start, long before it has files.
const workflow = "github-actions[bot]"

// signed lists files that every release of the workflow has, and a release made by
// hand has not.
var signed = []string{"checksums.txt", "checksums.txt.sigstore.json"}

// complete reports a release that lacks a file which the workflow adds.
func complete(release *github.RepositoryRelease) error {
	for _, name := range signed {
		if !slices.ContainsFunc(release.Assets, func(a *github.ReleaseAsset) bool { return a.GetName() == name }) {
			return fmt.Errorf("it lacks %s", name)
		}
	}
	return nil
}

func (r *releases) all(ctx context.Context) iter.Seq2[*github.RepositoryRelease, error] {
	return r.client.Repositories.ListReleasesIter(ctx, r.owner, r.name, &github.ListOptions{PerPage: 100})
}

// find returns the draft and the public release that the workflow made of a tag, or
// nil for the one that does not exist. It refuses a tag of which somebody made a
// draft or a release by hand.
func (r *releases) find(ctx context.Context, tag string) (draft, public *github.RepositoryRelease, err error) {
	const remedy = "delete it on the web page of the releases, but keep the tag, and run the failed jobs again"
	for release, err := range r.all(ctx) {
		switch {
		case err != nil:
			return nil, nil, err
		case release.GetTagName() != tag:
		case release.GetDraft() && release.GetAuthor().GetLogin() != workflow:
			return nil, nil, fmt.Errorf("%s made the draft %q of the tag %s, want one made by the workflow alone: %s",
				release.GetAuthor().GetLogin(), release.GetName(), tag, remedy)
		case release.GetDraft() && draft != nil:
			return nil, nil, fmt.Errorf("the tag %s has two drafts, %q and %q: delete both on the web page of the releases, and run all jobs again",
				tag, draft.GetName(), release.GetName())
		case release.GetDraft():
			draft = release
		default:
			if err := complete(release); err != nil {
				remedy := remedy
				if release.GetImmutable() {
					remedy = "it is immutable, and GitHub lets nobody use its tag again, so release the next version"
				}
				return nil, nil, fmt.Errorf("the public release %q of the tag %s was not made by the workflow: %w: %s",
					release.GetName(), tag, err, remedy)
			}
			public = release
		}
	}
	return draft, public, nil
}

// stable returns the public stable releases that the workflow made, by version. A
// release that was marked as a prerelease on the web page is not stable.
func (r *releases) stable(ctx context.Context) (map[string]*github.RepositoryRelease, error) {
	versions := make(map[string]*github.RepositoryRelease)
	for release, err := range r.all(ctx) {
		if err != nil {
			return nil, err
		}
		version, err := tags.Exact(release.GetTagName())
		if err == nil && !release.GetDraft() && !release.GetPrerelease() && complete(release) == nil {
			versions[version] = release
		}
	}
	return versions, nil
}

// discard deletes the draft of a tag and waits until the list of releases lacks it.
// GoReleaser would edit a draft that is still listed.
func (r *releases) discard(ctx context.Context, draft *github.RepositoryRelease) error {
	if _, err := r.client.Repositories.DeleteRelease(ctx, r.owner, r.name, draft.GetID()); err != nil {
		return err
	}
	return patiently.Do(ctx, func() error {
		for release, err := range r.all(ctx) {
			if err != nil {
				return err
			}
			if release.GetID() == draft.GetID() {
				return fmt.Errorf("GitHub still lists the draft of the tag %s that an earlier run left and this one deleted: run the failed jobs again in some minutes",
					draft.GetTagName())
			}
		}
		return nil
	})
}

// draft returns the draft of a tag.
func (r *releases) draft(ctx context.Context, tag string) (draft *github.RepositoryRelease, err error) {
	err = patiently.Do(ctx, func() error {
		found, public, err := r.find(ctx, tag)
		if draft = found; err == nil && draft == nil {
			err = fmt.Errorf("%s/%s has no draft of the tag %s (public release: %v)", r.owner, r.name, tag, public != nil)
		}
		return err
	})
	return draft, err
}

// files returns the files of a draft by name.
func (r *releases) files(ctx context.Context, draft *github.RepositoryRelease) (map[string]*github.ReleaseAsset, error) {
	files := make(map[string]*github.ReleaseAsset)
	for asset, err := range r.client.Repositories.ListReleaseAssetsIter(ctx, r.owner, r.name, draft.GetID(), nil) {
		if err != nil {
			return nil, err
		}
		files[asset.GetName()] = asset
	}
	return files, nil
}

// upload adds files to a draft. A file replaces one of the same name.
func (r *releases) upload(ctx context.Context, draft *github.RepositoryRelease, paths ...string) error {
	there, err := r.files(ctx, draft)
	if err != nil {
		return err
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if old := there[name]; old != nil {
			if _, err := r.client.Repositories.DeleteReleaseAsset(ctx, r.owner, r.name, old.GetID()); err != nil {
				return err
			}
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		_, _, err = r.client.Repositories.UploadReleaseAsset(ctx, r.owner, r.name, draft.GetID(), &github.UploadOptions{Name: name}, file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// compare reports every difference between the files of a tag's draft, as GitHub
// states their SHA-256, and those in a folder.
func (r *releases) compare(ctx context.Context, tag, folder string) error {
	draft, err := r.draft(ctx, tag)
	if err != nil {
		return err
	}
	return r.compareDraft(ctx, draft, folder)
}

func (r *releases) compareDraft(ctx context.Context, draft *github.RepositoryRelease, folder string) error {
	want := make(map[string]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		want[entry.Name()] = fmt.Sprintf("sha256:%x", sha256.Sum256(content))
	}
	return patiently.Do(ctx, func() error {
		files, err := r.files(ctx, draft)
		if err != nil {
			return err
		}
		var problems []error
		for name, file := range files {
			if file.GetDigest() != want[name] {
				problems = append(problems, fmt.Errorf("the draft of the tag %s has %s with %q, want %q", draft.GetTagName(), name, file.GetDigest(), want[name]))
			}
		}
		for name := range want {
			if files[name] == nil {
				problems = append(problems, fmt.Errorf("the draft of the tag %s lacks %s", draft.GetTagName(), name))
			}
		}
		return errors.Join(problems...)
	})
}

// publish makes the draft of a version public and returns the release. latest says
// whether it becomes the latest release. If the release is public already, publish
// deletes the draft, which a repeated run left behind.
func (r *releases) publish(ctx context.Context, draft, public *github.RepositoryRelease, latest bool) (*github.RepositoryRelease, error) {
	if public == nil {
		public, _, err := r.client.Repositories.EditRelease(ctx, r.owner, r.name, draft.GetID(), &github.RepositoryRelease{
			Draft:      new(false),
			MakeLatest: new(fmt.Sprint(latest)),
		})
		return public, err
	}
	if draft == nil {
		return public, nil
	}
	_, err := r.client.Repositories.DeleteRelease(ctx, r.owner, r.name, draft.GetID())
	return public, err
}

// byTag returns the public release of a tag, or nil. GitHub shows a release here that
// its list lacks.
func (r *releases) byTag(ctx context.Context, tag string) (*github.RepositoryRelease, error) {
	return orNil(r.client.Repositories.GetReleaseByTag(ctx, r.owner, r.name, tag))
}

// latest returns the latest release, or nil.
func (r *releases) latest(ctx context.Context) (*github.RepositoryRelease, error) {
	return orNil(r.client.Repositories.GetLatestRelease(ctx, r.owner, r.name))
}

// orNil makes nil of the status 404.
func orNil(release *github.RepositoryRelease, response *github.Response, err error) (*github.RepositoryRelease, error) {
	if err != nil && response != nil && response.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	return release, err
}

// setLatest makes a release the latest one and says whether another one was.
func (r *releases) setLatest(ctx context.Context, release *github.RepositoryRelease) (moved bool, err error) {
	latest, err := r.latest(ctx)
	if err != nil || latest.GetID() == release.GetID() {
		return false, err
	}
	_, _, err = r.client.Repositories.EditRelease(ctx, r.owner, r.name, release.GetID(), &github.RepositoryRelease{MakeLatest: new("true")})
	return true, err
}
