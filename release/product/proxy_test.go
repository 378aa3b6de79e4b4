package product_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argserver/release/smoke"
)

// haproxyConfig makes HAProxy check each server with /readyz. HAProxy repeats no
// request, so every lost request shows.
const haproxyConfig = `
defaults
	mode http
	timeout connect 5s
	timeout client 10s
	timeout server 10s
	retries 0
frontend front
	bind fd@3
	default_backend back
backend back
	option httpchk GET /readyz
	default-server check inter 100ms fall 1 rise 1
	server one %s
	server two %s
`

// testProxy restarts two servers behind HAProxy in turn while requests pass. The
// drain gives HAProxy time to notice, so that none of them fails.
func testProxy(t *testing.T, binary string) {
	const least = 10_000 // requests
	servers := make([]*smoke.Process, 2)
	restart := func(i int, addr string) {
		t.Helper()
		servers[i] = start(t, binary, []string{fmt.Sprint(i)}, "ARGSERVER_DRAIN=2s", "ARGSERVER_ADDR="+addr)
	}
	for i := range servers {
		restart(i, "127.0.0.1:0")
	}
	url := startHAProxy(t, servers[0].Address, servers[1].Address)

	var answers [2]atomic.Int64 // of each server
	var failures atomic.Int64
	done := make(chan struct{})
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-done:
					return
				default:
				}
				switch got := get(client, url+"/args/1"); got {
				case "200 0":
					answers[0].Add(1)
				case "200 1":
					answers[1].Add(1)
				default:
					if failures.Add(1) < 10 {
						t.Errorf("GET /args/1 through HAProxy: %s", got)
					}
				}
			}
		})
	}
	// awaitAnswers waits for more answers from each server.
	awaitAnswers := func(more int64) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for i := range answers {
			for want := answers[i].Load() + more; answers[i].Load() < want; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("server %d answered %d requests through HAProxy within a minute, want %d", i, answers[i].Load(), want)
				}
			}
		}
	}
	defer func() {
		close(done)
		workers.Wait()
		t.Logf("%d requests were answered, %d failed", answers[0].Load()+answers[1].Load(), failures.Load())
	}()
	awaitAnswers(100)
	for i := range servers {
		addr := servers[i].Address
		if err := servers[i].Stop(0); err != nil {
			t.Errorf("server %d: %v", i, err)
		}
		restart(i, addr)
		awaitAnswers(100)
	}
	awaitAnswers(least / 2)
}

// startHAProxy runs HAProxy in front of two servers until the test ends and
// returns its URL.
func startHAProxy(t *testing.T, one, two string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, haproxyConfig, one, two), 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	cmd := exec.Command("haproxy", "-db", "-f", config)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.ExtraFiles = []*os.File{socket}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("haproxy logged %s", &log)
		}
	})

	url := "http://" + listener.Addr().String()
	client := &http.Client{Timeout: 10 * time.Second}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.HasPrefix(get(client, url+"/healthz"), "200 ") {
			return url
		}
	}
	t.Fatal("HAProxy did not answer within a minute")
	return ""
}

// get returns the status and the body of an answer, or the error.
func get(client *http.Client, url string) string {
	response, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return err.Error()
	}
	return fmt.Sprint(response.StatusCode, " ", &body)
}
