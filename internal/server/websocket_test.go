package server_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"argserver/internal/servertest"
)

// A WebSocket does not hold up shutdown for longer than a second, whatever its client
// does, nor does it change the exit status, even if the shutdown timeout is as short.
func TestStopWebSockets(t *testing.T) {
	const handshake = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	for name, s := range stopSettings(t) {
		for _, c := range []struct {
			name   string
			client func(net.Conn)
		}{
			{"reads no message", func(net.Conn) {}},
			{"ignores the Close frame", func(conn net.Conn) { go io.Copy(io.Discard, conn) }},
			{"disconnects", func(conn net.Conn) {
				go func() {
					io.Copy(io.Discard, conn)
					conn.Close()
				}()
			}},
		} {
			for _, timeout := range []time.Duration{8 * time.Second, time.Second, 10 * time.Millisecond} {
				t.Run(fmt.Sprint(c.name, " ", name, " ", timeout), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s.Echo = true
						s.ShutdownTimeout = timeout
						b := servertest.ServeBubble(t, s)
						conn := b.Dial(t)
						io.WriteString(conn, handshake)
						if _, err := conn.Read(make([]byte, 4096)); err != nil { // 101
							t.Error(err)
						}
						c.client(conn)
						synctest.Wait()
						start := time.Now()
						b.Signals <- os.Interrupt
						if status := <-b.Exited; status != 0 {
							t.Errorf("exit status %d, want 0: %s", status, b.Log.String())
						}
						if took := time.Since(start); took > 1100*time.Millisecond {
							t.Errorf("shutdown took %v, want at most 1.1 s", took)
						}
					})
				})
			}
		}
	}
}
