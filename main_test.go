package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
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
const patience = time.Minute

func TestRoutes(t *testing.T) {
	server := serveTest(t, []string{"/argserver", "a"})
	for _, c := range []struct {
		method, path string
		status       int
		body         string // a part of it
	}{
		{"GET", "/", 200, "/args"},
		{"GET", "/args", 200, "[/argserver a]\n"},
		{"GET", "/args?a=b", 200, "[/argserver a]\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, "ok\n"},
		{"GET", "/version", 200, "version devel\ncommit unknown\ndate unknown\ngo go1."},
		{"GET", "/args/", 404, "GET / "},
		{"GET", "/requests", 404, "GET / "},
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
			a := fetch(t, c.method, server.url+c.path)
			if a.status != c.status || !strings.Contains(a.body, c.body) {
				t.Errorf("got %d %q, want %d with %q", a.status, a.body, c.status, c.body)
			}
			if c.method == "HEAD" && a.body != "" {
				t.Errorf("HEAD has the body %q", a.body)
			}
			if got, want := a.header.Get("Content-Type"), "text/plain; charset=utf-8"; got != want {
				t.Errorf("Content-Type = %q, want %q", got, want)
			}
			if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			if got := a.header.Get("Allow"); c.status == 405 && got != "GET, HEAD" {
				t.Errorf("Allow = %q, want GET, HEAD", got)
			}
		})
	}
}

func TestUnusableSettings(t *testing.T) {
	for _, c := range unusable(t) {
		t.Run(strings.Join(c.environ, " "), func(t *testing.T) {
			var log strings.Builder
			if status := serve(nil, c.environ, nil, nil, &log); status != 2 {
				t.Errorf("the server exits with %d, want 2", status)
			}
			wantOneLine(t, log.String(), c.says...)

			log.Reset()
			if status := probe(c.environ, &log); status != 1 {
				t.Errorf("the probe exits with %d, want 1", status)
			}
			wantOneLine(t, log.String(), c.says...)
		})
	}
}

func TestAddressInUse(t *testing.T) {
	listener := listen(t)
	var log strings.Builder
	if status := serve(nil, []string{"ARGSERVER_ADDR=" + listener.Addr().String()}, nil, nil, &log); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	wantOneLine(t, log.String(), listener.Addr().String(), "ARGSERVER_ADDR or PORT")
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
		{"second signal", "1h", 2, false, 1, "second signal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serveTest(t, argv, "ARGSERVER_SHUTDOWN_TIMEOUT="+c.timeout)
			conn := dial(t, server.addr)
			io.WriteString(conn, "GET /args/0 HTTP/1.1\r\nHost: a\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			for range c.signals {
				server.signals <- syscall.SIGTERM
			}
			if c.read {
				waitRefused(t, server.addr)
				body, err := io.ReadAll(response.Body)
				if err != nil || string(body) != argv[0] {
					t.Errorf("got %d bytes of the response and %v, want all %d", len(body), err, len(argv[0]))
				}
			}
			server.wantExit(t, c.status, c.says)
		})
	}
}

func TestDrain(t *testing.T) {
	server := serveTest(t, nil, "ARGSERVER_DRAIN=1h")
	if a := fetch(t, "GET", server.url+"/readyz"); a.status != 200 || a.closed {
		t.Errorf("before the signal /readyz is %d, to close: %v, want 200 and false", a.status, a.closed)
	}
	server.signals <- syscall.SIGTERM
	for a := (answer{}); a.status != 503; {
		a = fetch(t, "GET", server.url+"/readyz")
	}
	for path, want := range map[string]int{"/healthz": 200, "/args": 200, "/request": 200} {
		if a := fetch(t, "GET", server.url+path); a.status != want || !a.closed {
			t.Errorf("while draining %s is %d, to close: %v, want %d and true", path, a.status, a.closed, want)
		}
	}
	server.signals <- syscall.SIGTERM
	server.wantExit(t, 1, "second signal")

	server = serveTest(t, nil, "ARGSERVER_DRAIN=50ms")
	server.signals <- syscall.SIGTERM
	server.wantExit(t, 0, "stopped on signal")
}

// A client that sends too much, or too slowly, is answered or cut off.
func TestBounds(t *testing.T) {
	server := serveTest(t, nil)
	for _, c := range []struct {
		name, sent string
		want       string // how the answer begins, empty for none
	}{
		{"header flood", "GET /args HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n", "HTTP/1.1 431"},
		{"one long header", "GET /args HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n", "HTTP/1.1 431"},
		{"long target", "GET /" + strings.Repeat("y", 100_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 431"},
		{"large headers", "GET /args HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + strings.Repeat("y", 60_000) + "\r\n\r\n", "HTTP/1.1 200"},
		{"slow header", "GET /args HTTP/1.1\r\nHost: a\r\n", ""},
		{"slow body", "POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", "HTTP/1.1 400"},
		{"slow body that nobody reads", "POST /args HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.", "HTTP/1.1 405"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, server.addr)
			io.WriteString(conn, c.sent)
			got, err := io.ReadAll(conn)
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Fatalf("the connection is still open, after %q", got)
			}
			if !strings.HasPrefix(string(got), c.want) || (c.want == "" && len(got) > 0) {
				t.Errorf("answered %.100q, want %q", got, c.want)
			}
		})
	}
}

func TestIdleConnections(t *testing.T) {
	server := serveTest(t, []string{"/argserver"})
	for range 1000 {
		conn := dial(t, server.addr)
		io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("got %v, %v", response, err)
		}
	}
	for range 100 {
		if a := fetch(t, "GET", server.url+"/args"); a.body != "[/argserver]\n" {
			t.Fatalf("beside idle connections GET /args is %d %q", a.status, a.body)
		}
	}
}

// What a client sends can end neither a header nor a line of the log.
func TestInjection(t *testing.T) {
	var access lockedBuffer
	server := serveTestTo(t, &access, []string{"/argserver", "\r\nInjected: 1\r\n\r\n<script>"}, "ARGSERVER_ACCESS_LOG=1")
	for _, sent := range []string{
		"GET /request/%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /%0aInjected:%201/..//x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /args/%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /args?format=%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /request?status=%0d%0aInjected:%201 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /request HTTP/1.1\r\nHost: a\rInjected: 1\r\n\r\n",
		"GET /request HTTP/1.1\r\nHost: a\r\nX: b\rInjected: 1\r\n\r\n",
		"GET /request HTTP/1.1\r\nHost: a\nInjected : 1\r\n\r\n",
		"GET /args/1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX: <script>\r\n\r\n",
	} {
		conn := dial(t, server.addr)
		io.WriteString(conn, sent)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("Injected") != "" {
			t.Errorf("%q put a header into the response: %v", sent, response.Header)
		}
		if response.Header.Get("Content-Type") == "text/html; charset=utf-8" && bytes.Contains(body, []byte("<script")) {
			t.Errorf("%q put a script into the page: %s", sent, body)
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(access.String(), "\n"), "\n") {
		if !strings.HasPrefix(line, "127.0.0.1:") {
			t.Errorf("a line of the access log is forged: %q", line)
		}
	}
}

// A benchmark of each handler, to judge a change with.
func BenchmarkHandlers(b *testing.B) {
	handler := routes([]string{"/argserver", "a", "b", "c", "d"}, []string{"HOME=/"}, []string{"HOME"}, new(atomic.Bool))
	for _, path := range []string{"/args", "/args?format=json", "/args/1", "/env", "/healthz", "/readyz", "/version", "/request", "/", "/?format=html", "/nothing"} {
		b.Run(path, func(b *testing.B) {
			request, err := http.NewRequest("GET", path, http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			request.RequestURI = path
			w := discardWriter{}
			b.ReportAllocs()
			for b.Loop() {
				clear(w)
				handler.ServeHTTP(w, request)
			}
		})
	}
}

type discardWriter http.Header

func (w discardWriter) Header() http.Header         { return http.Header(w) }
func (w discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w discardWriter) WriteHeader(int)             {}

// As that of net/http it takes a string without a copy.
func (w discardWriter) WriteString(s string) (int, error) { return len(s), nil }

// The rest drives the program as a process of its own.

func TestProgram(t *testing.T) {
	argv := []string{"/argserver", "--help", "-version", "-test.v", "healthcheck", "--", "", "a b", "s3cret"}
	program := start(t, argv, "ARGSERVER_ADDR=127.0.0.1:0")
	if got, want := fetch(t, "GET", "http://"+program.addr+"/args").body,
		"[/argserver --help -version -test.v healthcheck --  a b s3cret]\n"; got != want {
		t.Errorf("GET /args = %q, want %q", got, want)
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

// A testServer is serve, running in this process.
type testServer struct {
	addr, url string
	signals   chan os.Signal
	log       *bufio.Reader // without its first line
	exited    chan int
}

func serveTest(t *testing.T, argv []string, environ ...string) *testServer {
	t.Helper()
	return serveTestTo(t, io.Discard, argv, environ...)
}

// serveTestTo serves on a free port until the test ends.
func serveTestTo(t *testing.T, stdout io.Writer, argv []string, environ ...string) *testServer {
	t.Helper()
	stderr, logged := io.Pipe()
	s := &testServer{signals: make(chan os.Signal, 2), log: bufio.NewReader(stderr), exited: make(chan int, 1)}
	go func() {
		s.exited <- serve(argv, append([]string{"ARGSERVER_ADDR=127.0.0.1:0"}, environ...), s.signals, stdout, logged)
		logged.Close()
	}()
	s.addr = listening(t, s.log)
	s.url = "http://" + s.addr
	t.Cleanup(func() {
		for range 2 {
			select {
			case s.signals <- os.Interrupt:
			default:
			}
		}
		io.Copy(io.Discard, s.log)
	})
	return s
}

// wantExit waits for the server's end and checks its status and its last line.
func (s *testServer) wantExit(t *testing.T, status int, says string) {
	t.Helper()
	last, _ := io.ReadAll(s.log)
	wantOneLine(t, string(last), says)
	if got := <-s.exited; got != status {
		t.Errorf("exit status %d, want %d", got, status)
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

// dial opens a connection that lasts no longer than the test.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
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

// An answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // the server wants no more requests on the connection
	proto  string
}

// fetch sends a request with headers given as name, value, name, value ...
func fetch(t *testing.T, method, url string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return do(t, http.DefaultClient, request)
}

func do(t *testing.T, client *http.Client, request *http.Request) answer {
	t.Helper()
	bounded := *client
	bounded.Timeout = patience
	response, err := bounded.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body), response.Close, response.Proto}
}

// lockedBuffer is a buffer that several goroutines may use at once.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
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
