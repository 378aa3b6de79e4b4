package accesslog_test

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"argserver/internal/accesslog"
	"argserver/internal/response"
	"argserver/internal/servertest"
)

func TestAccessLog(t *testing.T) {
	var access servertest.LockedBuffer
	server := servertest.ServeTo(t, &access, []string{"/argserver", "s3cret"}, "ARGSERVER_ACCESS_LOG=1")
	for _, c := range []struct {
		method, target string
		want           string // between the remote address and the duration
	}{
		{"GET", "/args", `GET "/args" 200 20`},
		{"HEAD", "/args?token=x", `HEAD "/args" 200 0`},
		{"POST", "/args", `POST "/args" 405 19`},
		{"GET", "/request?status=204", `GET "/request" 204 0`},
		{"GET", "/%0aforged%1b%22%ff", `GET "/\nforged\x1b\"\xff" 404 37`},
		{"GET", "/" + strings.Repeat("%ff", 9000), `GET "/` + strings.Repeat(`\xff`, 1023) + `…" 404 37`},
		{strings.Repeat("M", 9000), "/", `"` + strings.Repeat("M", 1024) + `…" "/" 405 19`},
		{"GET", "/request?wait=20ms&status=503&format=json", `GET "/request" 503 `},
	} {
		before := access.String()
		servertest.Fetch(t, c.method, server.URL+c.target)
		var line string
		for line == "" { // the server logs after it has answered
			line = strings.TrimPrefix(access.String(), before)
		}
		want := regexp.MustCompile(`^127\.0\.0\.1:\d+ ` + regexp.QuoteMeta(c.want) + `.*[0-9](ns|µs|ms|s)\n$`)
		if !want.MatchString(line) {
			t.Errorf("%s %s logged %q, want %s", c.method, c.target, line, want)
		}
	}
	if strings.Contains(access.String(), "s3cret") {
		t.Errorf("the access log shows an argument: %s", access.String())
	}

	quiet := new(servertest.LockedBuffer)
	servertest.Fetch(t, "GET", servertest.ServeTo(t, quiet, nil).URL+"/args")
	if got := quiet.String(); got != "" {
		t.Errorf("got an access log without the setting: %q", got)
	}
}

func TestAccessLogJSON(t *testing.T) {
	var access servertest.LockedBuffer
	server := servertest.ServeTo(t, &access, nil, "ARGSERVER_ACCESS_LOG=json")
	for _, c := range []struct {
		method, target, path string
		status, bytes        float64
	}{
		{"GET", "/args", "/args", 200, 3},
		{"HEAD", "/args?token=x", "/args", 200, 0},
		{"GET", "/" + strings.Repeat("x", 9000), "/" + strings.Repeat("x", 1023) + "…", 404, 37},
		{"GET", "/%0a%22,%22status%22:1%c2%9b%ff", "/\n\",\"status\":1\u009b\ufffd", 404, 37},
	} {
		access.Reset()
		servertest.Fetch(t, c.method, server.URL+c.target)
		var line string
		for ; line == ""; line = access.String() { // the server logs after it has answered
			time.Sleep(time.Millisecond)
		}
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || strings.Contains(line, "\u009b") {
			t.Errorf("%s %s logged %q, want one line without control characters", c.method, c.target, line)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if remote, _ := got["remote"].(string); !strings.HasPrefix(remote, "127.0.0.1:") {
			t.Errorf("remote is %v", got["remote"])
		}
		if seconds, _ := got["seconds"].(float64); seconds <= 0 || seconds > servertest.Patience.Seconds() {
			t.Errorf("seconds is %v", got["seconds"])
		}
		delete(got, "remote")
		delete(got, "seconds")
		want := map[string]any{"method": c.method, "path": c.path, "status": c.status, "bytes": c.bytes}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s logged %v, want %v", c.method, c.target, got, want)
		}
	}
}

// The handler of each path does something to its response that the log has to know.
func TestAccessLogOfHandlers(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	mux.HandleFunc("/flushed", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "flushed")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/aborted", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/hijacked", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	for _, c := range []struct {
		path, text, json string
	}{
		{"/nothing", ` 200 0 `, `"status":200,"bytes":0,`},
		{"/early", ` 418 0 `, `"status":418,"bytes":0,`},
		{"/flushed", ` 200 7 `, `"status":200,"bytes":7,`},
		{"/aborted", ` - 0 `, `"status":null,"bytes":0,`},
		{"/hijacked", ` 101 0 `, `"status":101,"bytes":0,`},
	} {
		var text, json servertest.LockedBuffer
		listener := servertest.Listen(t)
		server := &http.Server{Handler: accesslog.Log(accesslog.Log(mux, &text, accesslog.Text), &json, accesslog.JSON)}
		go server.Serve(listener)
		conn := servertest.Dial(t, listener.Addr().String())
		io.WriteString(conn, "GET "+c.path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		io.Copy(io.Discard, conn)
		for json.String() == "" { // the server logs after it has answered
			time.Sleep(time.Millisecond)
		}
		if got := text.String(); !strings.Contains(got, c.text) {
			t.Errorf("%s logged %q, want %q", c.path, got, c.text)
		}
		if got := json.String(); !strings.Contains(got, c.json) {
			t.Errorf("%s logged %q, want %q", c.path, got, c.json)
		}
	}
}

// A long response that is a string is not copied on its way to net/http.
func TestAccessLogDoesNotCopy(t *testing.T) {
	long := strings.Repeat("x", 4<<20)
	handler := accesslog.Log(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response.Send(w, http.StatusOK, response.TextPlain, long)
	}), io.Discard, accesslog.Text)
	request, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	handler.ServeHTTP(servertest.DiscardWriter{}, request)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("a response of 4 MiB allocates %d bytes, want no copy", got)
	}
}
