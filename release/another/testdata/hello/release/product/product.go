// Package product describes the program that is released.
//
// Its binaries are hello_linux_amd64, hello_linux_arm64 and hello_darwin_arm64. Its
// image is for linux/amd64 and linux/arm64.
package product

import (
	"fmt"

	"argserver/release/build"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	Name        = "hello"
	Description = "Greets over HTTP"
	License     = "0BSD"
	BuildTags   = ""
	Promise     = "release/product/product.go"
)

var Image = v1.Config{
	User:         "1000:1000",
	ExposedPorts: map[string]struct{}{"9000/tcp": {}},
	Env:          []string{"ADDR=:9000"},
	Entrypoint:   []string{"/hello"},
	Cmd:          []string{"world"},
}

var Links map[string]string

var Environ = []string{"ADDR=127.0.0.1:0"}

const Listening = "hello at "

func Healthcheck(addr string) (argv, environ []string) { return nil, nil }

var Hostile = []string{"hello", "--help", "", "a\nb"}

var HostileWindows, HostileArgs = Hostile, Hostile

func Answers(argv []string, p v1.Platform, m build.Metadata) map[string]string {
	return map[string]string{"/": fmt.Sprintf("hello %q\n", argv[1:])}
}
