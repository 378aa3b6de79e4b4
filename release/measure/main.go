// Measure compares argserver, built and packed as a release of the checked-out
// commit, with a bare net/http program, go-httpbin and other servers.
//
//	measure [PEERS]   measure size, start, memory and load
//	measure release   time a release, and the go build commands in it
//
// Run it in the folder release. PEERS is a file with one server per line: its name,
// the path to request and its command. The command may start with environment
// variables; {port} stands for the port to listen on:
//
//	whoami /     ./whoami --port {port}
//	other  /echo PORT={port} ./other
//
// The programs take turns in each round. A figure is the median of all rounds,
// followed by the quartiles in brackets and the ratio to the bare program, which is
// the median of the ratios of each round. The other servers have one path each,
// which is compared with every path of argserver.
//
// Measure prints the table, writes it as Markdown to measure/MEASURED.md and draws
// measure/measured.svg. In MEASURED.md it replaces everything below the line
// <!-- table -->, or adds that line at the end if it is missing. Progress goes to
// standard error.
//
// Measure needs gzip, wrk, and Docker with the buildx builder of a rehearsal.
// Measure release needs everything that a rehearsal needs.
//
// Exit statuses: 0 measured, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"argserver/release/build"
	"argserver/release/machine"
	"argserver/release/standin"
)

func main() {
	args := os.Args[1:]
	release := len(args) == 1 && args[0] == "release"
	var peers []program
	var err error
	if len(args) > 1 {
		err = fmt.Errorf("got %q, want PEERS, release or no argument", args)
	} else if len(args) == 1 && !release {
		peers, err = readPeers(args[0])
	}
	exitIf(err, 2)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, peers, release)
	stop()
	exitIf(err, 1)
}

func exitIf(err error, status int) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "measure: %v\n", err)
		os.Exit(status)
	}
}

func run(ctx context.Context, peers []program, release bool) error {
	if err := requireMachine(ctx); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	address, stop := standin.StartMemoryRegistry()
	defer stop()
	options := build.Options{
		Clone:  "..",
		Commit: "HEAD",
		// A new version makes new binaries, so BuildKit cannot take their layer from its cache.
		Tag:        fmt.Sprintf("v0.0.0-measure.%d", time.Now().Unix()),
		Repository: "OWNER/argserver",
		Registry:   address,
		Folder:     folder,
		ImageOnly:  !release,
		NoCache:    release,
		Log:        os.Stderr,
	}
	if release {
		return measureRelease(ctx, options)
	}
	return measure(ctx, options, peers)
}

// The output files and the last line of MEASURED.md that measure keeps.
const (
	picture  = "measure/measured.svg"
	document = "measure/MEASURED.md"
	marker   = "<!-- table -->\n"
)

func measure(ctx context.Context, options build.Options, peers []program) error {
	progress("release")
	release, err := build.Make(ctx, options)
	if err != nil {
		return err
	}
	programs, err := buildPrograms(ctx, options.Folder, release)
	if err != nil {
		return err
	}
	programs = append(programs, peers...)

	t := newTable(programs)
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"bytes", func() error { return measureBytes(ctx, t, programs, release, options.Folder) }},
		{"first answers", func() error { return measureStart(ctx, t, programs) }},
		{"memory after requests", func() error { return measureRequests(ctx, t, programs) }},
		{"memory with idle connections", func() error { return measureIdle(ctx, t, programs) }},
		{"load", func() error { return measureLoad(ctx, t, programs) }},
		{"arguments", func() error { return measureArguments(ctx, t, programs[:2]) }},
	} {
		progress(part.name)
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Printf("%s\n\n%s", describe(release), t.text())
	old, err := os.ReadFile(document)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content := replaceTable(string(old), describe(release)+"\n\n"+t.markdown())
	return errors.Join(
		os.WriteFile(document, []byte(content), 0o666),
		os.WriteFile(picture, drawChart(t), 0o666),
	)
}

// replaceTable replaces everything below the marker, or adds marker and table at
// the end if there is no marker.
func replaceTable(document, table string) string {
	kept, _, _ := strings.Cut(document, marker)
	return kept + marker + "\n" + table
}

func progress(step string) {
	fmt.Fprintf(os.Stderr, "measure: %s: %s\n", time.Now().Format(time.TimeOnly), step)
}

// describe names the commit and the machine.
func describe(release *build.Release) string {
	system := runtime.GOOS
	if content, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(content)) {
			if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				system = strings.Trim(name, "\"\n")
			}
		}
	}
	return fmt.Sprintf("Commit %s on %s, %d CPUs, %s, %s.", release.Metadata.Revision, host,
		runtime.NumCPU(), system, release.Metadata.GoVersion)
}

// requireMachine reports everything that the machine lacks.
func requireMachine(ctx context.Context) error {
	problems := []error{machine.CheckBuilder(ctx), raiseFileLimit()}
	for _, name := range []string{"gzip", "wrk"} {
		if _, err := exec.LookPath(name); err != nil {
			problems = append(problems, fmt.Errorf("the command %s is missing: apt-get install %[1]s", name))
		}
	}
	return errors.Join(problems...)
}
