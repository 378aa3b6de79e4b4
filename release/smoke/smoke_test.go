package smoke

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"argserver/release/build"
	"argserver/release/internal/must"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var (
	own      = v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}
	metadata = build.Metadata{Version: "1.2.3"}
)

// serves and prints are what the program in testdata does.
const (
	serves = `server:
  arguments: [--help, "", "{{", !!binary "//4="]
  environment: ["ADDR=127.0.0.1:0"]
  listening: listening on http://
  requests:
    - {path: /, contains: ["--help\0\0", '{{ "{{" }}', !!binary "//4A", "{{ .Version }}"]}
`
	prints = `commands:
  - {arguments: [print, "", a b], output: "[\"\" \"a b\"]\n", status: 3}
  - {arguments: [healthy], output: ""}
`
)

// load writes a smoke.yaml and loads it.
func load(t *testing.T, content string) *Test {
	t.Helper()
	folder := t.TempDir()
	must.Write(t, filepath.Join(folder, "smoke.yaml"), content)
	test, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return test
}

// program builds the program in testdata and returns the path of the binary.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.exe")
	t.Setenv("CGO_ENABLED", "0")
	must.Run(t, ".", "go", "build", "-o="+path, "./testdata/program")
	return path
}

func TestBinary(t *testing.T) {
	path := program(t)
	lie := func(name string) string {
		return strings.Replace(serves, "environment: [", "environment: [LIE="+name+", ", 1)
	}
	replace := func(content, old, new string) string {
		if !strings.Contains(content, old) {
			t.Fatalf("no %q to replace in\n%s", old, content)
		}
		return strings.Replace(content, old, new, 1)
	}
	for name, c := range map[string]struct{ content, want string }{
		"good":                {serves + prints, ""},
		"does not start":      {lie("start"), `it did not start: exit status 4, and no address after "listening on http://"; it logged "no configuration\n"`},
		"another status":      {lie("status"), "GET /: status 418, want 200: "},
		"no version":          {lie("version"), `want it to contain "1.2.3"`},
		"another part":        {replace(serves, "//4A", "/v8A"), `GET /: the body is "--help\x00\x00{{\x00\xff\xfe\x001.2.3", want it to contain "\xfe\xff\x00"`},
		"another body":        {serves + "    - {path: /, body: \"{{ .Version }}\"}\n", `GET /: the body is "--help\x00\x00{{\x00\xff\xfe\x001.2.3", want "1.2.3"`},
		"status after stop":   {lie("stop"), "after SIGTERM: exit status 5, want exit status 0; it logged \"starting\\n"},
		"wanted status":       {lie("stop") + "  status: 5\n", ""},
		"another output":      {replace(prints, "a b]", "a c]"), `arguments ["print" "" "a c"]: standard output is "[\"\" \"a c\"]\n", want "[\"\" \"a b\"]\n"; standard error is "printed\n"`},
		"output lacks a part": {replace(prints, `output: ""`, `contains: ["{{ .Os }}"]`), `standard output is "", want it to contain "` + runtime.GOOS + `"`},
		"another exit status": {replace(prints, "status: 3", "status: 0"), "the exit status is 3, want 0"},
	} {
		t.Run(name, func(t *testing.T) {
			must.Fail(t, load(t, c.content).Binary(t.Context(), t.Output(), path, own, metadata), c.want)
		})
	}
	t.Run("announces nothing", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := Start(ctx, path, "listens at ", nil, "ADDR=127.0.0.1:0")
		must.Fail(t, err, `it did not start: signal: killed, and no address after "listens at "`)
	})
	t.Run("no program", func(t *testing.T) {
		text := filepath.Join(t.TempDir(), "program")
		must.Write(t, text, "evil")
		for _, content := range []string{serves, prints} {
			must.Fail(t, load(t, content).Binary(t.Context(), t.Output(), text, own, metadata), "exec format error")
		}
	})
}

// Each mistake is reported with its file and line.
func TestLoad(t *testing.T) {
	const server = "server:\n  listening: at\n  requests: [{path: /, body: x}]\n"
	for content, want := range map[string]string{
		server:                               "",
		server + prints:                      "",
		"":                                   ": EOF",
		"{}":                                 "1: want server or commands",
		"- server\n":                         "1: cannot unmarshal !!seq into smoke.Test",
		"\nservers: {}\n":                    "2: field servers not found in type smoke.Test",
		server + "server: {}\n":              `4: mapping key "server" already defined at line 1`,
		server + "  port: 80\n  ports: 80\n": "4: field port not found in type smoke.server\n5: field ports not found in type smoke.server",
		"server:\n  listening: at\n":         "2: want requests",
		"server:\n  requests: [{path: /, body: x}]\n": "2: want the text listening, which precedes the address in the log",
		"server:\n":                                                                   "1: a value is missing",
		server + "  arguments: --help\n":                                              "4: cannot unmarshal !!str `--help` into []string",
		server + "  arguments:\n  - [a]\n":                                            "5: cannot unmarshal !!seq into string",
		server + "  arguments: [a, ~]\n":                                              "4: a value is missing",
		server + "  arguments: []\n":                                                  "",
		server + "  arguments: [!!binary x]\n":                                        ": yaml: !!binary value contains invalid base64 data",
		server + "  environment: [A=b, CD]\n":                                         `4: environment "CD", want NAME=VALUE`,
		server + "  status: failed\n":                                                 "4: cannot unmarshal !!str `failed` into uint8",
		server + "  status: 256\n":                                                    "4: cannot unmarshal !!int `256` into uint8",
		server + "  status:\n":                                                        "4: a value is missing",
		"server:\n  listening:\n  requests: [{path: /, body: x}]\n":                   "2: a value is missing",
		"server:\n  listening: at\n  requests: {path: /, body: x}\n":                  "3: cannot unmarshal !!map into []smoke.request",
		"server:\n  listening: at\n  requests:\n  - body: x\n":                        `4: path "", want one that begins with /`,
		"server:\n  listening: at\n  requests:\n  - path: /\n":                        "4: want either body or contains",
		"server:\n  listening: at\n  requests:\n  - body: x\n    path: args\n":        `5: path "args", want one that begins with /`,
		"server:\n  listening: at\n  requests: [{path: /, body: x, contains: [y]}]\n": "3: want either body or contains",
		"server:\n  listening: at\n  requests: [{path: /, body: [x]}]\n":              "3: cannot unmarshal !!seq into string",
		"server:\n  listening: at\n  requests: [{path: /, contains: x}]\n":            "3: cannot unmarshal !!str `x` into []string",
		"server:\n  listening: at\n  requests: [{path: /, contains: []}]\n":           "3: want either body or contains",
		"commands: {output: x}\n":                                                     "1: cannot unmarshal !!map into []smoke.invocation",
		"commands:\n- output: x\n- arguments: [a]\n":                                  "3: want either output or contains",
		"commands:\n- body: x\n":                                                      "2: field body not found in type smoke.invocation",
		"commands:\n- output: \"{{ .Versoin }}\"\n":                                   `2: "{{ .Versoin }}": template: :1:3: executing "" at <.Versoin>: can't evaluate field Versoin in type smoke.placeholders`,
		"commands:\n- output: x\n- contains: [y,\n  \"{{\"]":                          `4: "{{": template: :1: unclosed action`,
		"commands:\n- output: \"x\n":                                                  ": yaml: line 2: found unexpected end of stream",
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "smoke.yaml")
		must.Write(t, path, content)
		_, err := Load(folder)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(strings.ReplaceAll(err.Error(), path+": ", ": "), path+":", "")
		}
		if got != want {
			t.Errorf("%s\ngot the error %q, want %q", content, got, want)
		}
	}
	_, err := Load(t.TempDir())
	must.Fail(t, err, "smoke.yaml: no such file")
}

// Arguments that are not UTF-8 arrive changed on Windows and in Docker.
func TestLossy(t *testing.T) {
	for _, c := range []struct {
		got, want string
		lossy     bool
	}{
		{"a\xff\xfeb", "", false},
		{"a\xff\xfeb", "", true},
		{"a\ufffd\ufffdb", "", true},
		{"a\ufffd\ufffdb", "want", false},
		{"a\ufffdb", "want", true},
	} {
		must.Fail(t, compare(c.got, new("a\xff\xfeb"), nil, placeholders{}, c.lossy), c.want)
	}
}

// TestContainers runs images that docker import makes of the program, because their
// layers cost no builder.
func TestContainers(t *testing.T) {
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		t.Fatalf("this test needs a Docker Engine: %v\n%s", err, out)
	}
	path := program(t)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	const healthy = `HEALTHCHECK CMD ["/program.exe", "healthy"]`
	for name, c := range map[string]struct {
		content string
		changes []string
		want    string
	}{
		"good":            {serves + prints, []string{"EXPOSE 9000", healthy}, ""},
		"no health check": {serves, []string{"EXPOSE 9000"}, ""},
		"other arguments": {serves + "  image_arguments: [x]\n", []string{"EXPOSE 9000"}, `GET /: the body is "x\x001.2.3", want it to contain "--help`},
		"unhealthy":       {serves, []string{"EXPOSE 9000", healthy, "ENV LIE=sick"}, "I am sick"},
		"does not start":  {serves, []string{"EXPOSE 9000", "ENV LIE=start"}, `the container is exited, want it running; it logged "no configuration\n"`},
		"another status":  {serves, []string{"EXPOSE 9000", "ENV LIE=stop"}, `after docker stop the exit status is 5, want 0; it logged "starting\n`},
		"another body":    {serves, []string{"EXPOSE 9000", "ENV LIE=version"}, `want it to contain "1.2.3"`},
		"no port":         {serves, nil, "the image exposes 0 ports, want one"},
		"two ports":       {serves, []string{"EXPOSE 9000 9001"}, "the image exposes 2 ports, want one"},
		"another output":  {strings.Replace(prints, "a b]", "a c]", 1), nil, `standard output is "[\"\" \"a c\"]\n", want "[\"\" \"a b\"]\n"`},
		"no such program": {prints, []string{`ENTRYPOINT ["/other"]`}, "/other"},
		"another exit":    {strings.Replace(prints, "status: 3", "status: 2", 1), nil, "the exit status is 3, want 2"},
		"entry point":     {prints, []string{`ENTRYPOINT ["/program.exe", "print"]`}, `["print" "" "a b"]`},
	} {
		t.Run(name, func(t *testing.T) {
			image := fmt.Sprintf("smoke:%d-%s", os.Getpid(), strings.ReplaceAll(name, " ", "-"))
			args := `tar --create --directory="$(dirname "$0")" program.exe | docker import --change='ENTRYPOINT ["/program.exe"]' "$@"`
			flags := []string{"-c", args, path}
			for _, change := range c.changes {
				flags = append(flags, "--change="+change)
			}
			must.Run(t, ".", "sh", append(flags, "-", image)...)
			t.Cleanup(func() { must.Run(t, ".", "docker", "rmi", image) })
			must.Fail(t, load(t, c.content).Containers(t.Context(), t.Output(), image, own, metadata), c.want)
			if left := must.Run(t, ".", "docker", "ps", "--all", "--quiet", "--filter=ancestor="+image); left != "" {
				t.Errorf("a container is left: %s", left)
			}
		})
	}
}
