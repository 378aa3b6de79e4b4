// Package product describes the program that is released. This file is the only
// one in the module that knows it is argserver; RELEASING.md says how to replace
// it with the description of another program.
package product

import (
	"fmt"
	"strings"
	"time"

	"argserver/release/build"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	Name        = "argserver"
	Description = "Answers over HTTP with the arguments it was started with"
	License     = "MIT"
	BuildTags   = "netgo"

	// Promise is the file that lists the binaries and platforms of every release,
	// relative to the root of the repository. The rehearsal compares it with what
	// was built, so that a target dropped from .goreleaser.yaml fails.
	Promise = "README.md"
)

// Image is the configuration that the image must have, without what the release
// adds to every image.
var Image = v1.Config{
	User:         "65532:65532",
	ExposedPorts: map[string]struct{}{"8080/tcp": {}},
	Entrypoint:   []string{"/argserver"},
	Cmd:          []string{"a", "b", "c", "d"},
	Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/healthcheck"}, Interval: 5 * time.Second, Timeout: 4 * time.Second},
}

// Links maps each symbolic link in the image to its target. The image holds
// these and the binary.
var Links = map[string]string{"healthcheck": "argserver"}

// Environ makes the binary listen on a free port of the loopback address, and
// Listening precedes that address in the first line of its log.
var Environ = []string{"ARGSERVER_ADDR=127.0.0.1:0"}

const Listening = " listening on "

// Healthcheck returns the argument vector and the environment with which the
// binary checks the server at an address. They are nil if it has no such check.
func Healthcheck(addr string) (argv, environ []string) {
	return []string{"healthcheck"}, []string{"ARGSERVER_ADDR=" + addr}
}

// Hostile is an argument vector that is easily mistaken for something else or
// damaged on the way. No emulated architecture takes a longer argument.
var Hostile = []string{
	"/argserver", "--help", "-version", "-test.v", "--", "healthcheck", "", " a  b ", "a\r\nb", "\xff\xfe", "%v", "$(HOME)", `"'\`,
	strings.Repeat("x", 128<<10-1),
}

// HostileArgs are arguments for the image that a shell or Docker could damage.
var HostileArgs = []string{"--help", "", "a  b", "c\nd"}

// HostileWindows is the same for Windows, where a command line is UTF-16 and has
// at most 32,767 units.
var HostileWindows = []string{"/argserver", "--help", "", " a  b ", `"'\`, "%v", "ä"}

// Answers maps paths to the bodies that the program must answer with when it was
// started with argv. It includes the version only if m has one.
func Answers(argv []string, p v1.Platform, m build.Metadata) map[string]string {
	answers := map[string]string{
		"/args":            fmt.Sprintln(argv),
		"/args?format=nul": strings.Join(argv, "\x00") + "\x00",
	}
	if m.Version != "" {
		answers["/version"] = fmt.Sprintf("version %s\ncommit %s\ndate %s\ngo %s\nplatform %s/%s\n",
			m.Version, m.Revision, m.Created.UTC().Format(time.RFC3339), m.GoVersion, p.OS, p.Architecture)
	}
	return answers
}
