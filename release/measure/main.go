// Measure holds argserver, as the commit that is checked out is released,
// against a bare net/http program and against what else people run.
//
//	measure [PEERS]   print the table, and draw measure/measured.svg
//	measure release   print what releasing costs over the builds in it
//
// It runs in the folder rehearsal. PEERS is a file with a line for each peer: its
// name, the path to ask it for, and its command, which holds {port} where it
// takes the port and may begin with variables of its environment:
//
//	whoami /     ./whoami --port {port}
//	other  /echo PORT={port} ./other
//
// go-httpbin is always among the peers. The programs take turns in each round,
// and every figure is a median, with the quartiles in brackets and the ratio to
// the baseline, round by round, behind it. The baseline and the peers have one
// path each, which stands beside every path of argserver. The table goes to
// standard output, as text and as Markdown, and progress to standard error.
//
// It needs gzip, wrk, and Docker with the builder of buildx that a rehearsal
// needs; release needs all that a rehearsal needs.
//
// Exit statuses: 0 measured, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"argserver/release/build"
	"argserver/release/machine"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	if len(os.Args) > 2 {
		fmt.Fprintf(os.Stderr, "measure: got %d arguments, want PEERS, release or none\n", len(os.Args)-1)
		os.Exit(2)
	}
	var peers []program
	if len(os.Args) == 2 && os.Args[1] != "release" {
		var err error
		if peers, err = readPeers(os.Args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "measure: %v\n", err)
			os.Exit(2)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) == 2 && os.Args[1] == "release" {
		err = measureRelease(ctx)
	} else {
		err = measure(ctx, peers)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "measure: %v\n", err)
		os.Exit(1)
	}
}

// picture is the file that the README shows.
const picture = "measure/measured.svg"

func measure(ctx context.Context, peers []program) error {
	if err := requireMachine(ctx); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	progress("release")
	release, stop, err := makeRelease(ctx, build.Options{Folder: folder, ImageOnly: true})
	if err != nil {
		return err
	}
	defer stop()
	programs, err := buildPrograms(ctx, folder, release)
	if err != nil {
		return err
	}
	programs = append(programs, peers...)

	t := newTable(programs)
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"bytes", func() error { return measureBytes(ctx, t, programs, release, folder) }},
		{"first answers", func() error { return measureStart(ctx, t, programs) }},
		{"memory", func() error { return measureMemory(ctx, t, programs) }},
		{"load", func() error { return measureLoad(ctx, t, programs) }},
		{"arguments", func() error { return measureArguments(ctx, t, programs[:2]) }},
	} {
		progress(part.name)
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Printf("%s\n\n%s\n%s", describe(release), t.text(), t.markdown())
	return os.WriteFile(picture, drawChart(t), 0o666)
}

// makeRelease releases the commit that is checked out into a registry of its own,
// which lasts until stop is called.
func makeRelease(ctx context.Context, o build.Options) (release *build.Release, stop func(), err error) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	o.Clone = ".."
	o.Commit = "HEAD"
	// A version of its own makes binaries that the builder has not packed before.
	o.Tag = fmt.Sprintf("v0.0.0-measure.%d", time.Now().Unix())
	o.Repository = "OWNER/argserver"
	o.Registry = strings.TrimPrefix(server.URL, "http://")
	o.Log = os.Stderr
	release, err = build.Make(ctx, o)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return release, server.Close, nil
}

func progress(what string) {
	fmt.Fprintf(os.Stderr, "measure: %s: %s\n", time.Now().Format(time.TimeOnly), what)
}

// describe tells what the figures are of, and where they were taken.
func describe(release *build.Release) string {
	system := runtime.GOOS
	if content, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(content)) {
			if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				system = strings.Trim(name, "\"\n")
			}
		}
	}
	return fmt.Sprintf("commit %s on %s/%s, %d CPUs, %s, %s", release.Metadata.Revision, runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), system, release.Metadata.GoVersion)
}

// requireMachine reports everything that the machine lacks for the measure.
func requireMachine(ctx context.Context) error {
	problems := []error{machine.CheckBuilder(ctx), raiseFileLimit()}
	for _, name := range []string{"gzip", "wrk"} {
		if _, err := exec.LookPath(name); err != nil {
			problems = append(problems, fmt.Errorf("the command %s is missing: apt-get install %[1]s", name))
		}
	}
	return errors.Join(problems...)
}
