//go:build examples

// The tests of this package run the examples for Quadlet and systemd in a Debian 13
// that they boot on this machine.
package systemd_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/release/internal/command"
	"argserver/release/internal/examples"
	"argserver/release/internal/must"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestDebian(t *testing.T) {
	r := examples.Release(t)
	binary, err := r.Binary(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	image := examples.Image(r)
	folder := examples.Folder(t, image)
	must.Unchanged(t)

	d := boot(t)
	d.openRegistry(t, image)
	must.Run(t, ".", "cp", "-r", folder, filepath.Join(d.root, "root/examples"))
	must.Run(t, ".", "cp", binary.Path, filepath.Join(d.root, "root/examples", filepath.Base(binary.Path)))
	t.Run("Quadlet", func(t *testing.T) {
		p := place{
			debian: d, heading: "Quadlet", file: "/etc/containers/systemd/argserver.container",
			section: "[Container]", key: "Exec", image: image,
			pid:    []string{"podman", "inspect", "--format={{ .State.Pid }}", "systemd-argserver"},
			limits: "TimeoutStartUSec=1min\nTimeoutStopUSec=30s\nCPUQuotaPerSecUSec=1s\nMemoryMax=268435456\nTasksMax=128",
		}
		p.testCommands(t)
		p.testRows(t)
		t.Run("health check", p.testHealthCheck)
	})
	t.Run("systemd", func(t *testing.T) {
		p := place{
			debian: d, heading: "systemd", file: "/etc/systemd/system/argserver.service",
			section: "[Service]", key: "ExecStart", image: image,
			pid:    []string{"systemctl", "show", "--property=MainPID", "--value", "argserver"},
			limits: "TimeoutStartUSec=10s\nTimeoutStopUSec=15s\nCPUQuotaPerSecUSec=1s\nMemoryMax=134217728\nTasksMax=64",
		}
		p.testCommands(t)
		// The commands that stop the example remove the binary.
		must.Run(t, ".", "install", binary.Path, filepath.Join(d.root, "usr/local/bin/argserver"))
		p.testRows(t)
		t.Run("another server", p.testAnotherServer)
		t.Run("security", p.testSecurity)
	})
}

// debian is a booted Debian 13.
type debian struct {
	root string // its folder
	init string // the process ID of its init
}

// boot boots a Debian 13 that ends with the test.
func boot(t *testing.T) debian {
	t.Helper()
	d := debian{root: filepath.Join(t.TempDir(), "debian")}
	cmd := exec.Command("./boot", d.root)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("boot: %v", err)
	}
	d.init = strings.TrimSpace(line)
	return d
}

// command returns a command that runs inside, with the environment of a login. After two
// minutes, it is killed with all that it started, for which killing nsenter is not enough.
func (d debian) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target=" + d.init, "--all",
		"timeout", "--signal=KILL", "2m", "env", "-i", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}, args...)...)
}

// run runs a command inside and returns its output.
func (d debian) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command.Output(d.command(args...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// openRegistry makes the registry of an image listen at the same address inside,
// where 127.0.0.1 is another one.
func (d debian) openRegistry(t *testing.T, image string) {
	t.Helper()
	address, _, _ := strings.Cut(image, "/")
	listener, err := net.Listen("unix", filepath.Join(d.root, "registry.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	d.run(t, "systemd-run", "--quiet", "--socket-property=ListenStream="+address, "/usr/lib/systemd/systemd-socket-proxyd", "/registry.sock")
	must.Write(t, filepath.Join(d.root, "etc/containers/registries.conf.d/test.conf"),
		fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", address))
}

// place is where the service argserver runs: in a container of Podman, or alone.
type place struct {
	debian
	heading string   // on the page
	file    string   // of the example, where it belongs
	section string   // of the file, for what the rows of the page set
	key     string   // of the arguments
	image   string   // in the registry
	pid     []string // prints the process ID of argserver
	limits  string   // properties of the unit
}

// testCommands types the commands of the page, and tests the example while it runs.
func (p place) testCommands(t *testing.T) {
	section := examples.Read(t, p.heading)
	first, last := section.Start, section.Stop
	cursor := p.cursor(t)
	if out := p.enter(t, first); !strings.HasSuffix(out, `argserver","g","h","i","j"]`) {
		t.Errorf("%s\nprints\n%s\nwhich does not end with the arguments in the example", first, out)
	}
	t.Run("limits", func(t *testing.T) { p.testLimits(t, p.messages(t, cursor)) })
	t.Run("hardening", p.testHardening)
	t.Run("restart", p.testRestart)
	t.Run("drain", p.testDrain)
	p.enter(t, last)
	if left := p.run(t, "sh", "-c", "podman ps --all --quiet; pgrep argserver || true"); left != "" {
		t.Errorf("%s\nleaves the container or process %s", last, left)
	}
	if left, err := command.Output(p.command("systemctl", "cat", "argserver")); err == nil {
		t.Errorf("%s\nleaves the unit\n%s", last, left)
	}
}

// testRows changes the example as the rows of the page do.
func (p place) testRows(t *testing.T) {
	section := examples.Read(t, p.heading)
	t.Run("arguments", func(t *testing.T) { p.testArguments(t, section.Arguments) })
	t.Run("mistakes", func(t *testing.T) { p.testMistakes(t, section.Mistakes) })
	t.Run("invalid setting", p.testInvalidSetting)
}

// enter types commands of the page in the folder of the examples.
func (p place) enter(t *testing.T, commands string) string {
	t.Helper()
	commands = strings.ReplaceAll(commands, "linux_amd64", "linux_"+runtime.GOARCH)
	return p.run(t, "sh", "-euc", "cd /root/examples\n"+commands)
}

// ask returns what argserver answers.
func (p place) ask(t *testing.T, target string) string {
	t.Helper()
	return p.run(t, "curl", "--silent", "--show-error", "--fail", "http://localhost:8080"+target)
}

// show returns properties of the unit, one on each line.
func (p place) show(t *testing.T, properties string) string {
	t.Helper()
	return p.run(t, "systemctl", "show", "--property="+properties, "argserver")
}

// testLimits checks that systemd and Podman take over the limits and times of the example
// as they are, and ignore no line of it.
func (p place) testLimits(t *testing.T, messages string) {
	if ignored := regexp.MustCompile("(?i).*(unknown|ignoring|unsupported).*").FindString(messages); ignored != "" {
		t.Errorf("a line of the example has no effect: %s", ignored)
	}
	if got := p.show(t, "TimeoutStartUSec,TimeoutStopUSec,CPUQuotaPerSecUSec,MemoryMax,TasksMax"); got != p.limits {
		t.Errorf("the unit has\n%s\nwant\n%s", got, p.limits)
	}
	if p.heading == "Quadlet" {
		const want = "20"
		if got := p.run(t, "podman", "inspect", "--format={{ .Config.StopTimeout }}", "systemd-argserver"); got != want {
			t.Errorf("Podman kills the container %s seconds after a stop, want %s", got, want)
		}
	}
}

// testHardening reads what the kernel lets argserver do.
func (p place) testHardening(t *testing.T) {
	process := "/proc/" + p.run(t, p.pid...)
	status := p.run(t, "cat", process+"/status")
	for _, want := range []string{
		`Uid:\t[1-9]`, `Gid:\t[1-9]`, `Groups:\t([1-9]\d*)? *\n`, `CapPrm:\t0+\n`, `CapBnd:\t0+\n`, `NoNewPrivs:\t1\n`, `Seccomp:\t2\n`,
	} {
		if !regexp.MustCompile(want).MatchString(status) {
			t.Errorf("the status of argserver does not match %q:\n%s", want, status)
		}
	}
	if mounts := p.run(t, "cat", process+"/mounts"); !regexp.MustCompile(`(?m)^\S+ / \S+ ro,`).MatchString(mounts) {
		t.Errorf("the root of argserver can be written to:\n%s", mounts)
	}
}

// testRestart restarts the unit, and then kills argserver and makes it crash. A panic
// ends as SIGQUIT and SIGABRT do: with exit status 2, like an invalid setting.
func (p place) testRestart(t *testing.T) {
	p.run(t, "systemctl", "restart", "argserver")
	p.ask(t, "/healthz")
	for i, signal := range []string{"KILL", "QUIT", "ABRT"} {
		p.run(t, "kill", "-"+signal, p.run(t, p.pid...))
		p.await(t, "NRestarts,ActiveState", fmt.Sprintf("NRestarts=%d\nActiveState=active", i+1))
		p.ask(t, "/healthz")
	}
}

// await waits until the unit has properties, a minute at most.
func (p place) await(t *testing.T, properties, want string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(time.Minute); got != want && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		got = p.show(t, properties)
	}
	if got != want {
		t.Fatalf("after a minute, the unit has\n%s\nwant\n%s", got, want)
	}
}

// testDrain stops the unit while it answers a request that takes almost the drain and
// the shutdown timeout together.
func (p place) testDrain(t *testing.T) {
	request := p.command("curl", "--silent", "--show-error", "--fail", "http://localhost:8080/request?wait=11s")
	answered := make(chan error, 1)
	go func() {
		_, err := command.Output(request)
		answered <- err
	}()
	// Until curl is connected to port 8080, or has failed.
	for !strings.Contains(p.run(t, "cat", "/proc/net/tcp", "/proc/net/tcp6"), ":1F90 01 ") {
		select {
		case err := <-answered:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	p.run(t, "systemctl", "stop", "--no-block", "argserver")
	ready := ""
	for deadline := time.Now().Add(4 * time.Second); ready != "503" && time.Now().Before(deadline); {
		ready = p.run(t, "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "http://localhost:8080/readyz")
	}
	if ready != "503" {
		t.Errorf("while argserver drains, /readyz answers %s, want 503", ready)
	}
	p.ask(t, "/healthz")
	p.run(t, "systemctl", "stop", "argserver")
	if err := <-answered; err != nil {
		t.Errorf("a request in flight is lost: %v", err)
	}
	const want = "Result=success\nExecMainStatus=0\nActiveState=inactive"
	if got := p.show(t, "Result,ExecMainStatus,ActiveState"); got != want {
		t.Errorf("after the stop, the unit has\n%s\nwant\n%s", got, want)
	}
	p.run(t, "systemctl", "start", "argserver")
}

// testArguments gives the example each row in place of its own arguments.
func (p place) testArguments(t *testing.T, rows []examples.Row) {
	example := without(p.example(t), p.key)
	for _, row := range rows {
		unit := example
		if row.Left != "neither" {
			unit = p.change(example, row.Left)
		}
		seen, started := p.start(t, unit)
		if started {
			seen = p.ask(t, "/args?format=json")
		}
		p.stop()
		examples.Check(t, row, seen)
	}
}

// testMistakes makes each mistake in the example.
func (p place) testMistakes(t *testing.T, rows []examples.Row) {
	repository, _, _ := strings.Cut(p.image, ":latest")
	for _, row := range rows {
		unit := p.example(t)
		if row.Left == "a port in use" {
			p.run(t, "systemd-run", "--quiet", "--collect", "--unit=other", "--socket-property=ListenStream=8080", "/bin/true")
		} else {
			unit = p.change(unit, strings.ReplaceAll(row.Left, "ghcr.io/owner/argserver", repository))
		}
		seen, _ := p.start(t, unit)
		p.stop()
		p.command("systemctl", "stop", "other.socket", "other.service").Run()
		examples.Check(t, row, seen)
	}
}

// example returns the content of the example. It shortens the drain and the
// health interval, to save time.
func (p place) example(t *testing.T) string {
	t.Helper()
	content := must.Read(t, p.root, "root/examples", filepath.Base(p.file))
	return strings.NewReplacer("ARGSERVER_DRAIN=5s", "ARGSERVER_DRAIN=0s", "HealthInterval=5s", "HealthInterval=1s").Replace(content)
}

// change sets keys of a unit. They replace keys that it has already.
func (p place) change(unit, lines string) string {
	for line := range strings.Lines(lines) {
		if key, _, found := strings.Cut(line, "="); found {
			unit = without(unit, key)
		}
	}
	return unit + p.section + "\n" + lines + "\n"
}

func without(unit, key string) string {
	return regexp.MustCompile("(?m)^"+key+"=.*\n").ReplaceAllString(unit, "")
}

// start starts a unit. It returns everything there is to see: the output of systemctl
// and the messages.
func (p place) start(t *testing.T, unit string) (seen string, started bool) {
	t.Helper()
	must.Write(t, filepath.Join(p.root, p.file), unit)
	cursor := p.cursor(t)
	out, err := p.command("sh", "-c", "systemctl daemon-reload; systemctl start argserver 2>&1").Output()
	return string(out) + p.messages(t, cursor), err == nil
}

// cursor returns the end of the journal.
func (p place) cursor(t *testing.T) string {
	t.Helper()
	_, cursor, _ := strings.Cut(p.run(t, "journalctl", "--lines=0", "--show-cursor"), "-- cursor: ")
	return cursor
}

// messages returns the journal after a cursor, and what Podman says about the file.
func (p place) messages(t *testing.T, cursor string) string {
	t.Helper()
	journal := p.run(t, "journalctl", "--output=cat", "--after-cursor="+cursor)
	quadlet, _ := p.command("sh", "-c", "/usr/lib/systemd/system-generators/podman-system-generator --dryrun 2>&1 >/dev/null").Output()
	return journal + string(quadlet)
}

// stop stops the unit, if there is one, and forgets it.
func (p place) stop() {
	p.command("sh", "-c", "systemctl stop argserver; systemctl reset-failed argserver; rm "+p.file+"; systemctl daemon-reload").Run()
}

// testInvalidSetting shows that a start which fails each time ends after ten.
func (p place) testInvalidSetting(t *testing.T) {
	defer p.stop()
	if seen, started := p.start(t, p.change(p.example(t), "Environment=ARGSERVER_DRAIN=5")); started {
		t.Errorf("the unit starts with an invalid setting:\n%s", seen)
	}
	// The tenth restart would be the eleventh start.
	p.await(t, "NRestarts,ActiveState,SubState", "NRestarts=10\nActiveState=failed\nSubState=failed")
}

// testAnotherServer shows that the unit does not start when the health check finds
// another server on the port.
func (p place) testAnotherServer(t *testing.T) {
	defer p.stop()
	p.run(t, "systemd-run", "--quiet", "--unit=other", "/usr/local/bin/argserver")
	defer p.run(t, "systemctl", "stop", "other")
	p.run(t, "curl", "--silent", "--retry", "5", "--retry-all-errors", "--fail", "http://localhost:8080/healthz")
	if seen, started := p.start(t, p.example(t)); started {
		t.Errorf("the unit starts while another argserver has its port:\n%s", seen)
	}
}

// testHealthCheck shows why the example has a health check of its own, and why it
// begins with CMD.
func (p place) testHealthCheck(t *testing.T) {
	seen, _ := p.start(t, p.example(t))
	if got := p.run(t, "podman", "inspect", "--format={{ .State.Health.Status }}", "systemd-argserver"); got != "healthy" {
		t.Errorf("after the start, the container is %s:\n%s", got, seen)
	}
	// The unit is active only if the container is healthy.
	p.run(t, "kill", "-STOP", p.run(t, p.pid...))
	p.await(t, "NRestarts,ActiveState", "NRestarts=1\nActiveState=active")
	p.ask(t, "/healthz")
	p.stop()

	for form, want := range map[string]string{
		"CMD /healthcheck":        `["CMD","/healthcheck"]`,
		"/healthcheck":            `["CMD-SHELL","/healthcheck"]`,
		`["/healthcheck"]`:        `["CMD-SHELL","/healthcheck"]`,
		`["CMD","/healthcheck"]`:  `["[\"CMD\",\"/healthcheck\"]"]`,
		`["CMD", "/healthcheck"]`: `["[\"CMD\",","\"/healthcheck\"]"]`,
	} {
		p.run(t, "podman", "create", "--replace", "--name=form", "--health-cmd="+form, p.image)
		if got := p.run(t, "podman", "inspect", "--format={{ json .Config.Healthcheck.Test }}", "form"); got != want {
			t.Errorf("Podman takes the health check %s for %s, want %s", form, got, want)
		}
	}
	p.run(t, "podman", "rm", "form")

	const inspect = `podman image inspect --format='{{ .ManifestType }} {{ json .HealthCheck }}' "$0"`
	if got, want := p.run(t, "sh", "-c", inspect, p.image), "application/vnd.oci.image.manifest.v1+json null"; got != want {
		t.Errorf("of the image, Podman has\n%s\nwant\n%s", got, want)
	}
	got := p.run(t, "sh", "-euc", `podman save --quiet --format=docker-archive --output=/root/image.tar "$0"
		podman image rm "$0" >/dev/null
		podman load --quiet --input=/root/image.tar >/dev/null
		`+inspect, p.image)
	if want := `application/vnd.docker.distribution.manifest.v2+json {"Test":["CMD","/healthcheck"],`; !strings.HasPrefix(got, want) {
		t.Errorf("of the image in Docker's format, Podman has\n%s\nwant\n%s…", got, want)
	}
}

// testSecurity has systemd judge the unit. The threshold is an exposure of 2.0.
func (p place) testSecurity(t *testing.T) {
	must.Write(t, filepath.Join(p.root, p.file), p.example(t))
	defer p.stop()
	p.run(t, "systemctl", "daemon-reload")
	out := p.run(t, "systemd-analyze", "security", "--no-pager", "--threshold=20", "argserver")
	exposure := regexp.MustCompile(`Overall exposure level .*: (\S+)`).FindStringSubmatch(out)
	if exposure == nil || !strings.Contains(must.Read(t, "../../../examples/README.md"), "an exposure of "+exposure[1]+" in systemd 257.") {
		t.Errorf("the page has another exposure than systemd:\n%s", out)
	}
}
