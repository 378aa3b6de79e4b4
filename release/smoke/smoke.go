// Package smoke starts the builds of a program and checks that they work. The file
// smoke.yaml, at the root of the program's repository, says what they must do:
//
//	server:                       # a program that runs until SIGTERM
//	  arguments: [TEXT, …]
//	  environment: [NAME=VALUE, …]
//	  listening: TEXT             # precedes HOST:PORT in its log, on either output
//	  requests:                   # each is a GET and must get status 200
//	    - path: TEXT
//	      body: TEXT              # the whole body; or contains: [TEXT, …]
//	  status: NUMBER              # exit status after SIGTERM; default 0
//	  image_arguments: [TEXT, …]  # in the image, in place of arguments
//	commands:                     # runs that end by themselves
//	  - arguments: [TEXT, …]
//	    output: TEXT              # all of standard output; or contains: [TEXT, …]
//	    status: NUMBER            # exit status; default 0
//
// The file has server, commands or both. In them, listening, requests, path, and either
// contains or body or output are required. A binary gets no other environment. Body,
// output and contains may hold the placeholders {{ .Version }}, {{ .Commit }},
// {{ .CommitDate }}, {{ .Os }} and {{ .Arch }}, which mean the same as in .goreleaser.yaml.
// A text that is not UTF-8 is written in base64: !!binary "//4=".
//
// The image of a server exposes one port. It must work with its default arguments as
// its default user, and with those above as any other user. Its health check, if it has
// one, must turn healthy.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/template"
	"time"

	"argserver/release/build"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Test is what a smoke.yaml says.
type Test struct {
	Server   *server
	Commands []invocation
}

type server struct {
	Arguments      []string
	Environment    []string
	Listening      string
	Requests       []request
	Status         uint8
	ImageArguments []string `yaml:"image_arguments"` // nil for Arguments
}

type request struct {
	Path     string
	Body     *string // nil for Contains
	Contains []string
}

type invocation struct {
	Arguments []string
	Output    *string // nil for Contains
	Contains  []string
	Status    uint8
}

// placeholders are named and filled as GoReleaser's.
// https://goreleaser.com/customization/general/templates/
type placeholders struct{ Version, Commit, CommitDate, Os, Arch string }

func values(p v1.Platform, m build.Metadata) placeholders {
	return placeholders{m.Version, m.Revision, m.Created.UTC().Format(time.RFC3339), p.OS, p.Architecture}
}

// fill returns a text with values in place of its placeholders.
func (v placeholders) fill(text string) (string, error) {
	t, err := template.New("").Parse(text)
	if err != nil {
		return "", err
	}
	var filled strings.Builder
	err = t.Execute(&filled, v)
	return filled.String(), err
}

// compare compares a text with a whole one or, if that is nil, with parts that it must
// contain. A lossy comparison takes all bytes that are not UTF-8 for equal, because
// arguments lose them in Docker's API, which is JSON, and in Windows, which has UTF-16.
func compare(got string, whole *string, parts []string, v placeholders, lossy bool) error {
	if whole != nil {
		parts = []string{*whole}
	}
	for _, part := range parts {
		want, err := v.fill(part)
		if err != nil {
			return err
		}
		compared := got
		if lossy {
			compared, want = string([]rune(got)), string([]rune(want))
		}
		if whole != nil && compared != want {
			return fmt.Errorf("%.300q, want %.300q", got, want)
		}
		if !strings.Contains(compared, want) {
			return fmt.Errorf("%.1000q, want it to contain %.300q", got, want)
		}
	}
	return nil
}

func (c invocation) check(output, log string, status int, v placeholders, lossy bool) error {
	err := compare(output, c.Output, c.Contains, v, lossy)
	if err != nil {
		err = fmt.Errorf("standard output is %w", err)
	}
	if status != int(c.Status) {
		err = errors.Join(err, fmt.Errorf("the exit status is %d, want %d", status, c.Status))
	}
	if err != nil {
		err = fmt.Errorf("arguments %q: %w; standard error is %.1000q", c.Arguments, err, log)
	}
	return err
}

// ask sends the requests to the server at an address. The server runs on this machine,
// so each request gets one try.
func (s *server) ask(ctx context.Context, address string, v placeholders, lossy bool) error {
	var problems []error
	for _, r := range s.Requests {
		status, body, err := get(ctx, "http://"+address+r.Path)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("GET %s: status %d, want 200: %.300q", r.Path, status, body)
		} else if err == nil {
			if err = compare(body, r.Body, r.Contains, v, lossy); err != nil {
				err = fmt.Errorf("GET %s: the body is %w", r.Path, err)
			}
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func get(ctx context.Context, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	request.Close = true // no idle connection is left when the server stops
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// twice runs something that may need QEMU, which sometimes hangs or crashes. Each
// of the two attempts may take five minutes.
func twice(ctx context.Context, log io.Writer, try func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		err := try(limited)
		cancel()
		if err == nil || attempt == 2 {
			return err
		}
		fmt.Fprintf(log, "trying again after: %v\n", err)
	}
}
