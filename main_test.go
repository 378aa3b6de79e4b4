package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram in the environment makes the test binary run as the program.
const asProgram = "ARGSERVER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience bounds every wait, so that a fault ends a test and not the machine.
const patience = 30 * time.Second

func TestArgs(t *testing.T) {
	long := strings.Repeat("x", 128<<10)
	for _, c := range []struct {
		name string
		argv []string
		want string
	}{
		{"defaults", []string{"/argserver", "a", "b", "c", "d"}, "[/argserver a b c d]\n"},
		{"no argv[0]", nil, "[]\n"},
		{"no arguments", []string{"/argserver"}, "[/argserver]\n"},
		{"empty", []string{"/argserver", "", ""}, "[/argserver  ]\n"},
		{"spaces", []string{"/argserver", " a  b "}, "[/argserver  a  b ]\n"},
		{"newline", []string{"/argserver", "a\r\nb"}, "[/argserver a\r\nb]\n"},
		{"not UTF-8", []string{"/argserver", "\xff\xfe"}, "[/argserver \xff\xfe]\n"},
		{"formatting verbs", []string{"/argserver", "%v%s%!"}, "[/argserver %v%s%!]\n"},
		{"like options", []string{"/argserver", "--help", "-version", "-h", "-test.v", "--", "healthcheck"},
			"[/argserver --help -version -h -test.v -- healthcheck]\n"},
		{"long", []string{"/argserver", long}, "[/argserver " + long + "]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(routes(c.argv))
			defer server.Close()
			status, header, body := fetch(t, http.MethodGet, server.URL+"/args")
			if status != http.StatusOK || body != c.want {
				t.Errorf("GET /args = %d %.200q, want 200 %.200q", status, body, c.want)
			}
			if got, want := header.Get("Content-Length"), fmt.Sprint(len(c.want)); got != want {
				t.Errorf("Content-Length = %q, want %q", got, want)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	server := httptest.NewServer(routes([]string{"/argserver", "a"}))
	defer server.Close()
	for _, c := range []struct {
		method, path string
		status       int
		body         string // a part of it
	}{
		{"GET", "/", 200, "/args"},
		{"GET", "/args", 200, "[/argserver a]\n"},
		{"GET", "/args?a=b", 200, "[/argserver a]\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/version", 200, "version devel\ncommit unknown\ndate unknown\ngo go1."},
		{"GET", "/args/", 404, "GET / "},
		{"GET", "/nothing", 404, "GET / "},
		{"HEAD", "/", 200, ""},
		{"HEAD", "/args", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"HEAD", "/version", 200, ""},
		{"HEAD", "/nothing", 404, ""},
		{"POST", "/", 405, ""},
		{"POST", "/args", 405, ""},
		{"PUT", "/healthz", 405, ""},
		{"DELETE", "/version", 405, ""},
		{"OPTIONS", "/args", 405, ""},
		{"BREW", "/args", 405, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			status, header, body := fetch(t, c.method, server.URL+c.path)
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("got %d %q, want %d with %q", status, body, c.status, c.body)
			}
			if c.method == "HEAD" && body != "" {
				t.Errorf("HEAD has the body %q", body)
			}
			if got, want := header.Get("Content-Type"), "text/plain; charset=utf-8"; got != want {
				t.Errorf("Content-Type = %q, want %q", got, want)
			}
			if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			if got := header.Get("Allow"); c.status == 405 && got != "GET, HEAD" {
				t.Errorf("Allow = %q, want GET, HEAD", got)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want settings
	}{
		{"none", nil, settings{":8080", 8 * time.Second}},
		{"empty", map[string]string{"ARGSERVER_ADDR": "", "PORT": "", "ARGSERVER_SHUTDOWN_TIMEOUT": ""},
			settings{":8080", 8 * time.Second}},
		{"port", map[string]string{"PORT": "80"}, settings{":80", 8 * time.Second}},
		{"address before port", map[string]string{"ARGSERVER_ADDR": "[::1]:0", "PORT": "http"},
			settings{"[::1]:0", 8 * time.Second}},
		{"timeout", map[string]string{"ARGSERVER_SHUTDOWN_TIMEOUT": "1m30s"}, settings{":8080", 90 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseSettings(env(c.env))
			if err != nil || got != c.want {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// unusable holds one environment for every way a setting can be unusable, and
// what the message must say.
var unusable = []struct {
	env  map[string]string
	says []string
}{
	{map[string]string{"ARGSERVER_ADDR": "8080"}, []string{`ARGSERVER_ADDR="8080"`, "host:port"}},
	{map[string]string{"ARGSERVER_ADDR": "::1"}, []string{`ARGSERVER_ADDR="::1"`, "[::1]:8080"}},
	{map[string]string{"ARGSERVER_ADDR": ":"}, []string{`ARGSERVER_ADDR=":"`}},
	{map[string]string{"ARGSERVER_ADDR": "localhost:http"}, []string{`ARGSERVER_ADDR="localhost:http"`, "0 to 65535"}},
	{map[string]string{"ARGSERVER_ADDR": ":65536"}, []string{`ARGSERVER_ADDR=":65536"`}},
	{map[string]string{"ARGSERVER_ADDR": "a\nb"}, []string{`ARGSERVER_ADDR="a\nb"`}},
	{map[string]string{"PORT": "tcp://10.0.0.1:80"}, []string{`PORT="tcp://10.0.0.1:80"`, "0 to 65535"}},
	{map[string]string{"PORT": "-1"}, []string{`PORT="-1"`}},
	{map[string]string{"PORT": " 80"}, []string{`PORT=" 80"`}},
	{map[string]string{"ARGSERVER_SHUTDOWN_TIMEOUT": "8"}, []string{`ARGSERVER_SHUTDOWN_TIMEOUT="8"`, "such as 8s"}},
	{map[string]string{"ARGSERVER_SHUTDOWN_TIMEOUT": "-1s"}, []string{`ARGSERVER_SHUTDOWN_TIMEOUT="-1s"`}},
	{map[string]string{"PORT": "x", "ARGSERVER_SHUTDOWN_TIMEOUT": "y"},
		[]string{`PORT="x"`, `ARGSERVER_SHUTDOWN_TIMEOUT="y"`}},
}

func TestUnusableSettings(t *testing.T) {
	for _, c := range unusable {
		t.Run(fmt.Sprint(c.env), func(t *testing.T) {
			var log strings.Builder
			if status := serve(nil, env(c.env), nil, &log); status != 2 {
				t.Errorf("the server exits with %d, want 2", status)
			}
			wantOneLine(t, log.String(), c.says...)

			log.Reset()
			if status := probe(env(c.env), &log); status != 1 {
				t.Errorf("the probe exits with %d, want 1", status)
			}
			wantOneLine(t, log.String(), c.says...)
		})
	}
}

func TestAddressInUse(t *testing.T) {
	listener := listen(t)
	var log strings.Builder
	if status := serve(nil, env(map[string]string{"ARGSERVER_ADDR": listener.Addr().String()}), nil, &log); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	wantOneLine(t, log.String(), listener.Addr().String(), "ARGSERVER_ADDR or PORT")
}

func TestProbe(t *testing.T) {
	handler := http.Handler(routes(nil))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)

	mute := listen(t)
	garbled := listen(t)
	go func() {
		for {
			conn, err := garbled.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "SSH-2.0-OpenSSH\r\n")
			conn.Close()
		}
	}()
	closed := listen(t)
	closed.Close()

	for _, c := range []struct {
		name    string
		env     map[string]string
		handler http.Handler
		status  int
		says    string
	}{
		{"healthy", map[string]string{"ARGSERVER_ADDR": addr}, routes(nil), 0, "healthy"},
		{"any host", map[string]string{"ARGSERVER_ADDR": "0.0.0.0:" + port}, routes(nil), 0, "healthy"},
		{"any IPv6 host", map[string]string{"ARGSERVER_ADDR": "[::]:" + port}, routes(nil), 0, "healthy"},
		{"port alone", map[string]string{"PORT": port}, routes(nil), 0, "healthy"},
		{"unhealthy", map[string]string{"PORT": port}, http.NotFoundHandler(), 1, "answered 404, want 200"},
		{"endless header", map[string]string{"PORT": port}, endlessHeader{}, 1, "did not answer in HTTP"},
		{"not HTTP", map[string]string{"ARGSERVER_ADDR": garbled.Addr().String()}, nil, 1, "did not answer in HTTP"},
		{"no answer", map[string]string{"ARGSERVER_ADDR": mute.Addr().String()}, nil, 1, "timeout"},
		{"nobody there", map[string]string{"ARGSERVER_ADDR": closed.Addr().String()}, nil, 1, closed.Addr().String()},
		{"chosen port", map[string]string{"PORT": "0"}, nil, 1, `address ":0": want a fixed port`},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler = c.handler
			var log strings.Builder
			if status := probe(env(c.env), &log); status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			wantOneLine(t, log.String(), c.says)
		})
	}
}

// endlessHeader answers with more header than a probe should read.
type endlessHeader struct{}

func (endlessHeader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
}

// The response is larger than the socket buffers of both sides, so it is still
// being written when the signal comes: its client has read no more than a part.
func TestShutdown(t *testing.T) {
	argv := []string{strings.Repeat("x", 32<<20)}
	for _, c := range []struct {
		name    string
		timeout string
		signals int
		read    bool // the client goes on to read the whole response
		status  int
		says    string
	}{
		{"in flight is finished", "1h", 1, true, 0, "stopped on signal (terminated)"},
		{"timeout exceeded", "50ms", 1, false, 1, "requests in flight were cut off"},
		{"no timeout granted", "0s", 1, false, 1, "requests in flight were cut off"},
		{"second signal", "1h", 2, false, 1, "requests in flight were cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			signals := make(chan os.Signal, 2)
			stderr, logged := io.Pipe()
			exited := make(chan int, 1)
			go func() {
				exited <- serve(argv, env(map[string]string{
					"ARGSERVER_ADDR":             "127.0.0.1:0",
					"ARGSERVER_SHUTDOWN_TIMEOUT": c.timeout,
				}), signals, logged)
				logged.Close()
			}()
			log := bufio.NewReader(stderr)
			addr := listening(t, log)

			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			io.WriteString(conn, "GET /args HTTP/1.1\r\nHost: a\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}

			for range c.signals {
				signals <- syscall.SIGTERM
			}
			if c.read {
				waitRefused(t, addr)
				body, err := io.ReadAll(response.Body)
				if err != nil || string(body) != fmt.Sprintln(argv) {
					t.Errorf("got %d bytes of the response and %v, want all %d", len(body), err, len(argv[0])+3)
				}
			}
			last, _ := io.ReadAll(log)
			wantOneLine(t, string(last), c.says)
			if status := <-exited; status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
		})
	}
}

// The rest drives the program as a process of its own.

func TestProgram(t *testing.T) {
	argv := []string{"/argserver", "--help", "-version", "-test.v", "healthcheck", "--", "", "a b", "s3cret"}
	program := start(t, argv, "ARGSERVER_ADDR=127.0.0.1:0")
	_, _, body := fetch(t, http.MethodGet, "http://"+program.addr+"/args")
	if want := "[/argserver --help -version -test.v healthcheck --  a b s3cret]\n"; body != want {
		t.Errorf("GET /args = %q, want %q", body, want)
	}

	for _, argv0 := range []string{"healthcheck", "/healthcheck"} {
		status, log := exitStatus(t, command([]string{argv0, "--help"}, "ARGSERVER_ADDR="+program.addr))
		if status != 0 {
			t.Errorf("%s exits with %d, want 0: %s", argv0, status, log)
		}
	}

	status, log := exitStatus(t, command(argv, "ARGSERVER_ADDR="+program.addr))
	if status != 1 {
		t.Errorf("a second server on %s exits with %d, want 1: %s", program.addr, status, log)
	}
	program.Process.Kill()
	program.Wait()
	status, log = exitStatus(t, command([]string{"healthcheck"}, "ARGSERVER_ADDR="+program.addr))
	if status != 1 {
		t.Errorf("without a server healthcheck exits with %d, want 1: %s", status, log)
	}
	status, log = exitStatus(t, command(argv, "PORT=http"))
	if status != 2 {
		t.Errorf("with an unusable setting the server exits with %d, want 2: %s", status, log)
	}
	if all := program.log.String() + log; strings.Contains(all, "s3cret") {
		t.Errorf("an argument is in the log: %q", all)
	}
}

// program is the test binary, run as the program.
type program struct {
	*exec.Cmd
	addr string           // where it listens
	log  *strings.Builder // what it wrote to standard error, whole after Wait
}

// command is the program with argv and, beside the system's own environment,
// the settings, without having started.
func command(argv []string, settings ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &exec.Cmd{Path: exe, Args: argv, Env: append(append(os.Environ(), asProgram+"=1"), settings...)}
}

// start runs the program until the test ends and waits until it listens.
func start(t *testing.T, argv []string, settings ...string) *program {
	t.Helper()
	p := &program{Cmd: command(argv, settings...), log: new(strings.Builder)}
	stderr, logged := io.Pipe()
	p.Stderr = io.MultiWriter(logged, p.log)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	log := bufio.NewReader(stderr)
	p.addr = listening(t, log)
	go io.Copy(io.Discard, log)
	return p
}

// exitStatus runs a command to its end and returns its exit status and output.
func exitStatus(t *testing.T, cmd *exec.Cmd) (status int, output string) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// listening reads the first line of the server's log and returns the address
// that it names.
func listening(t *testing.T, log *bufio.Reader) string {
	t.Helper()
	line, err := log.ReadString('\n')
	_, addr, ok := strings.Cut(strings.TrimSpace(line), " listening on ")
	if err != nil || !ok {
		t.Fatalf("the log begins with %q (%v), want the address it listens on", line, err)
	}
	return addr
}

// waitRefused waits until nobody listens on addr any more.
func waitRefused(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatalf("%s still accepts connections", addr)
}

// listen listens on a free port until the test ends.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func fetch(t *testing.T, method, url string) (status int, header http.Header, body string) {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(content)
}

// env is a getenv that knows only these variables.
func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func wantOneLine(t *testing.T, log string, says ...string) {
	t.Helper()
	if strings.Count(log, "\n") != 1 || !strings.HasSuffix(log, "\n") {
		t.Errorf("logged %q, want one line", log)
	}
	for _, part := range says {
		if !strings.Contains(log, part) {
			t.Errorf("logged %q, want it to say %q", log, part)
		}
	}
}
