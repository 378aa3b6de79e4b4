package websocket_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"argserver/internal/memory"
	"argserver/internal/response"
	"argserver/internal/server"
	"argserver/internal/servertest"
	"argserver/internal/websocket"
)

const sampleHandshake = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

// A webSocketTest is a server of WebSocket connections only.
type webSocketTest struct {
	sockets  websocket.Server
	draining chan struct{}
	memory   int64       // bytes at the start
	config   *tls.Config // nil without TLS
	open     sync.WaitGroup
	server   *http.Server
}

func newWebSocketTest(t *testing.T, bytes int64) *webSocketTest {
	s := &webSocketTest{draining: make(chan struct{}), memory: bytes}
	s.sockets = websocket.Server{Memory: memory.NewBudget(bytes), Draining: s.draining}
	s.server = server.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.open.Add(1)
		defer s.open.Done()
		select {
		case <-s.draining:
			w.Header().Set("Connection", "close")
		default:
		}
		if !websocket.Wants(r) {
			response.Fail(w, http.StatusOK, "no handshake")
			return
		}
		s.sockets.Serve(w, r, []byte("first"))
	}), nil, log.New(io.Discard, "", 0))
	t.Cleanup(func() { s.server.Close() })
	return s
}

// pipe returns a connection in memory to the server.
func (s *webSocketTest) pipe(t *testing.T) net.Conn {
	t.Helper()
	listener := servertest.NewPipeListener()
	if s.config == nil {
		go s.server.Serve(listener)
		return listener.Dial(t)
	}
	s.server.TLSConfig = s.config
	go s.server.ServeTLS(listener, "", "")
	return tls.Client(listener.Dial(t), &tls.Config{InsecureSkipVerify: true})
}

// ended waits for the end of every connection and checks that no memory stays taken.
func (s *webSocketTest) ended(t *testing.T) {
	t.Helper()
	s.open.Wait()
	if !s.sockets.Memory.Take(s.memory) {
		t.Error("memory stays taken after the end of the connection")
	}
	s.sockets.Memory.Release(s.memory)
}

// withTLS runs a test without TLS and with it.
func withTLS(t *testing.T, run func(t *testing.T, config *tls.Config)) {
	certFile, keyFile := servertest.NewAuthority(t).Issue(t, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("plain", func(t *testing.T) { run(t, nil) })
	t.Run("TLS", func(t *testing.T) { run(t, &tls.Config{Certificates: []tls.Certificate{pair}}) })
}

// A webSocketClient sends frames as they are, right or wrong.
type webSocketClient struct {
	net.Conn
	in *bufio.Reader
}

// handshake opens a connection and reads the first message.
func handshake(t *testing.T, conn net.Conn) *webSocketClient {
	t.Helper()
	c := &webSocketClient{conn, bufio.NewReader(conn)}
	io.WriteString(conn, sampleHandshake+"\r\n")
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The accepted key is that of RFC 6455, section 1.3.
	if got := response.Header.Get("Sec-WebSocket-Accept"); response.StatusCode != 101 || got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("answered %s, accepted %q", response.Status, got)
	}
	if got := c.frame(t); got != `text "first"` {
		t.Fatalf("the first message is %s", got)
	}
	return c
}

// frame reads a frame and describes it. A Close frame is described without its
// reason.
func (c *webSocketClient) frame(t *testing.T) string {
	t.Helper()
	got, err := readFrame(c.in)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantEnd checks that nothing more arrives.
func (c *webSocketClient) wantEnd(t *testing.T) {
	t.Helper()
	if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil {
		t.Errorf("after the Close frame comes %.100q (%v)", rest, err)
	}
}

var opcodeNames = map[byte]string{websocket.OpText: "text", websocket.OpBinary: "binary", websocket.OpClose: "close", websocket.OpPing: "ping", websocket.OpPong: "pong"}

// readFrame reads a frame of a server. It fails unless that is a whole message or
// control frame in the shortest form, without a mask.
func readFrame(in io.Reader) (string, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		return "", err
	}
	name := opcodeNames[head[0]&0x7f]
	size := map[byte]int{126: 2, 127: 8}[head[1]]
	long := make([]byte, 8)
	if _, err := io.ReadFull(in, long[8-size:]); err != nil {
		return "", err
	}
	length := binary.BigEndian.Uint64(long)
	if size == 0 {
		length = uint64(head[1])
	}
	if head[0]&0x80 == 0 || name == "" || head[1] > 127 || length > 2<<20 || size == 2 && length < 126 || size == 8 && length < 1<<16 || name == "close" && (length == 1 || length > 125) {
		return "", fmt.Errorf("a frame starts with % x and has %d bytes", head, length)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return "", err
	}
	if name == "text" && !utf8.Valid(payload) {
		return "", fmt.Errorf("a text message is %.100q", payload)
	}
	if name == "close" && length > 0 {
		if !utf8.Valid(payload[2:]) {
			return "", fmt.Errorf("the reason of a Close frame is %q", payload)
		}
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload)), nil
	}
	return fmt.Sprintf("%s %q", name, payload), nil
}

// frame returns a masked frame. Its first byte is opcode and flags.
func frame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := []byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

// final is the flag of the last fragment.
const final = 0x80

func text(payload string) string { return frame(final|websocket.OpText, payload) }

func closing(code uint16, reason string) string {
	return frame(final|websocket.OpClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// long returns n bytes of text.
func long(n int) string { return strings.Repeat("0123456789abcde\n", n/16+1)[:n] }

func TestWebSocketHandshake(t *testing.T) {
	s := newWebSocketTest(t, 1<<20)
	listener := servertest.Listen(t)
	go s.server.Serve(listener)
	without := func(line string) string {
		if !strings.Contains(sampleHandshake, line) {
			t.Fatalf("the handshake has no %q", line)
		}
		return strings.Replace(sampleHandshake, line, "", 1)
	}
	replaced := func(from, to string) string { return strings.Replace(sampleHandshake, from, to, 1) }
	for _, c := range []struct {
		name, request string
		status        int
		says          string // in the body, or the subprotocol of 101
	}{
		{"right", sampleHandshake, 101, ""},
		{"lists and letter case", replaced("Upgrade: websocket\r\nConnection: Upgrade", "upgrade: h2c,\tWebSocket \r\nconnection: keep-alive, UPGRADE"), 101, ""},
		{"two headers", replaced("Upgrade: websocket\r\nConnection: Upgrade", "Upgrade: h2c\r\nConnection: keep-alive\r\nUpgrade: websocket\r\nConnection: upgrade"), 101, ""},
		{"extensions", sampleHandshake + "Sec-WebSocket-Extensions: permessage-deflate\r\n", 101, ""},
		{"protocol", sampleHandshake + "Sec-WebSocket-Protocol: ocpp2.0.1\r\n", 101, "ocpp2.0.1"},
		{"protocols", sampleHandshake + "Sec-WebSocket-Protocol: graphql-transport-ws, graphql-ws\r\nSec-WebSocket-Protocol: mqtt\r\n", 101, "graphql-transport-ws"},
		{"protocols that are no tokens", sampleHandshake + "Sec-WebSocket-Protocol: , a b,\"c\", \xff\r\nSec-WebSocket-Protocol: d/e,\tMQTT\t\r\n", 101, "MQTT"},
		{"no protocol that is a token", sampleHandshake + "Sec-WebSocket-Protocol: a b\r\n", 101, ""},
		{"page of this host", sampleHandshake + "Origin: http://example.com\r\n", 101, ""},
		{"no Upgrade", without("Upgrade: websocket\r\n"), 200, "no handshake"},
		{"other Upgrade", replaced("websocket", "websocket2, x websocket"), 200, "no handshake"},
		{"no Connection", without("Connection: Upgrade\r\n"), 200, "no handshake"},
		{"other Connection", replaced("Connection: Upgrade", "Connection: x-noupgrade, upgrade2"), 200, "no handshake"},
		{"HTTP/1.0", replaced("HTTP/1.1", "HTTP/1.0"), 200, "no handshake"},
		{"POST", replaced("GET", "POST"), 400, `Upgrade ["websocket"]: want a GET request without a body`},
		{"with a body", sampleHandshake + "Content-Length: 2\r\n", 400, "without a body"},
		{"with a body in chunks", sampleHandshake + "Transfer-Encoding: chunked\r\n", 400, "without a body"},
		{"no version", without("Sec-WebSocket-Version: 13\r\n"), 426, "Sec-Websocket-Version []: want 13"},
		{"other version", replaced("Version: 13", "Version: 8"), 426, `Sec-Websocket-Version ["8"]: want 13`},
		{"two versions", sampleHandshake + "Sec-WebSocket-Version: 13\r\n", 426, `Sec-Websocket-Version ["13" "13"]: want 13`},
		{"no key", without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400, "Sec-Websocket-Key []: want 16 bytes in base64"},
		{"short key", replaced("dGhl", ""), 400, `Sec-Websocket-Key ["IHNhbXBsZSBub25jZQ=="]`},
		{"long key", replaced("ZQ==", "ZWVl"), 400, "16 bytes"},
		{"key that is not base64", replaced("dGhl", "dG-l"), 400, "16 bytes"},
		{"key of 17 bytes", replaced("ZQ==", "ZWU="), 400, "16 bytes"},
		{"two keys", sampleHandshake + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400, "16 bytes"},
		{"two origins", sampleHandshake + "Origin: http://example.com\r\nOrigin: http://example.com\r\n", 403, "a page of this host"},
		{"an empty origin and another", sampleHandshake + "Origin:\r\nOrigin: http://example.org\r\n", 403, "a page of this host"},
		{"page of another host", sampleHandshake + "Origin: http://example.org\r\n", 403, `Origin ["http://example.org"]: want a page of this host`},
		{"page without an origin", sampleHandshake + "Origin: null\r\n", 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := servertest.Dial(t, listener.Addr().String())
			io.WriteString(conn, c.request+"\r\n2\r\n{}\r\n0\r\n\r\n") // with what would be a body
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			header := response.Header
			if response.StatusCode != c.status {
				t.Errorf("answered %s, want %d", response.Status, c.status)
			}
			if got := header["Sec-Websocket-Extensions"]; len(got) > 0 {
				t.Errorf("the extensions are %q, want none", got)
			}
			protocol := strings.Join(header["Sec-Websocket-Protocol"], ", ")
			if c.status == 101 {
				if protocol != c.says {
					t.Errorf("the subprotocol is %q, want %q", protocol, c.says)
				}
				return
			}
			if protocol != "" {
				t.Errorf("the subprotocol is %q, want none", protocol)
			}
			if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), c.says) {
				t.Errorf("answered %q (%v), want %q in it", body, err, c.says)
			}
			if c.status == 426 && (header.Get("Sec-WebSocket-Version") != "13" || header.Get("Upgrade") != "websocket" || header.Get("Connection") != "Upgrade") {
				t.Errorf("the header of 426 is %v", header)
			}
		})
	}
}

// A refused handshake does not keep a connection open that is to close.
func TestWebSocketRefusedWhileDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWebSocketTest(t, 1<<20)
		close(s.draining)
		conn := s.pipe(t)
		io.WriteString(conn, strings.Replace(sampleHandshake, "Version: 13", "Version: 8", 1)+"\r\n")
		start := time.Now()
		answered, err := io.ReadAll(conn)
		if after := time.Since(start); after != 0 || err != nil {
			t.Errorf("the connection ends after %v (%v), want the end at once", after, err)
		}
		for _, want := range []string{"HTTP/1.1 426 ", "\r\nConnection: close\r\n", "\r\nConnection: Upgrade\r\n"} {
			if !strings.Contains(string(answered), want) {
				t.Errorf("answered %q, want %q in it", answered, want)
			}
		}
	})
}

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		tls          bool
		want         bool
	}{
		{"http://example.com", "example.com", false, true},
		{"http://EXAMPLE.com", "example.COM:80", false, true},
		{"http://example.com:80", "example.com", false, true},
		{"http://example.com:8080", "example.com:8080", false, true},
		{"https://example.com", "example.com", true, true},
		{"https://example.com", "example.com:443", true, true},
		{"https://example.com", "example.com", false, true}, // a proxy has TLS
		{"https://example.com:8443", "example.com:8443", false, true},
		{"http://[::1]", "[::1]:80", false, true},
		{"http://[::1]:8080", "[::1]:8080", false, true},
		{"http://[::80]", "[::80]", false, true},
		{"http://127.0.0.1", "127.0.0.1", false, true},

		{"null", "example.com", false, false},
		{"null", "null", false, false},
		{"http://example.com", "example.org", false, false},
		{"http://example.com", "example.com.evil", false, false},
		{"http://example.com.evil", "example.com", false, false},
		{"http://evilexample.com", "example.com", false, false},
		{"http://sub.example.com", "example.com", false, false},
		{"http://example.com:8080", "example.com", false, false},
		{"http://example.com", "example.com:8080", false, false},
		{"http://example.com", "example.com:443", false, false},
		{"https://example.com", "example.com:80", false, false},
		{"https://example.com:80", "example.com", true, false},
		{"http://example.com", "example.com", true, false},
		{"http://example.com:443", "example.com", true, false},
		{"http://[::1]", "[::2]", false, false},
		{"http://user@example.com", "example.com", false, false},
		{"http://example.com/", "example.com", false, false},
		{"http://", "", false, false},
		{"http://:80", "", false, false},
		{"ftp://example.com", "example.com", false, false},
		{"chrome-extension://example.com", "example.com", false, false},
		{"example.com", "example.com", false, false},
		{"://example.com", "example.com", false, false},
		{"http://example.com, http://evil", "example.com", false, false},
	} {
		if got := websocket.SameHost(c.origin, c.host, c.tls); got != c.want {
			t.Errorf("Origin %s, Host %s, TLS %v: %v, want %v", c.origin, c.host, c.tls, got, c.want)
		}
	}
}

// webSocketCases are streams of a client, numbered as in the Autobahn test suite
// where that has the case, and the frames that answer them.
var webSocketCases = []struct {
	name, sent string
	want       []string
}{
	{"1.1 text", text("") + text("a") + text(long(125)) + text(long(126)), []string{`text ""`, `text "a"`, fmt.Sprintf("text %q", long(125)), fmt.Sprintf("text %q", long(126))}},
	{"1.1 long text", text(long(65535)) + text(long(65536)) + text(long(websocket.MaxMessage)), []string{fmt.Sprintf("text %q", long(65535)), fmt.Sprintf("text %q", long(65536)), fmt.Sprintf("text %q", long(websocket.MaxMessage))}},
	{"1.2 binary", frame(final|websocket.OpBinary, "\xff\x00\xfe") + frame(final|websocket.OpBinary, ""), []string{`binary "\xff\x00\xfe"`, `binary ""`}},
	{"2 ping", frame(final|websocket.OpPing, "") + frame(final|websocket.OpPing, "\x00\xff") + frame(final|websocket.OpPing, long(125)), []string{`pong ""`, `pong "\x00\xff"`, fmt.Sprintf("pong %q", long(125))}},
	{"2.5 ping of 126 bytes", frame(final|websocket.OpPing, long(126)), []string{"close 1002"}},
	{"2.7 pong", frame(final|websocket.OpPong, "x") + text("a"), []string{`text "a"`}},
	{"3 reserved bit 1", text("a") + frame(final|0x40|websocket.OpText, "b") + text("c"), []string{`text "a"`, "close 1002"}},
	{"3 reserved bit 2", frame(final|0x20|websocket.OpText, ""), []string{"close 1002"}},
	{"3 reserved bit 3", frame(final|0x10|websocket.OpPing, ""), []string{"close 1002"}},
	{"4.1 opcode 3", frame(final|3, ""), []string{"close 1002"}},
	{"4.1 opcode 7", frame(final|7, "x"), []string{"close 1002"}},
	{"4.2 opcode 11", frame(final|11, ""), []string{"close 1002"}},
	{"4.2 opcode 15", frame(final|15, ""), []string{"close 1002"}},
	{"5.1 ping in fragments", frame(websocket.OpPing, "a") + frame(final|websocket.OpContinuation, "b"), []string{"close 1002"}},
	{"5.2 close in fragments", frame(websocket.OpClose, ""), []string{"close 1002"}},
	{"5.3 fragments", frame(websocket.OpText, "a") + frame(websocket.OpContinuation, "") + frame(final|websocket.OpContinuation, "b") + text("c"), []string{`text "ab"`, `text "c"`}},
	{"5.3 binary fragments", frame(websocket.OpBinary, "\xff") + frame(final|websocket.OpContinuation, "\xfe"), []string{`binary "\xff\xfe"`}},
	{"5.6 ping between fragments", frame(websocket.OpText, "a") + frame(final|websocket.OpPing, "p") + frame(final|websocket.OpContinuation, "b"), []string{`pong "p"`, `text "ab"`}},
	{"5.9 continuation of nothing", frame(final|websocket.OpContinuation, "a"), []string{"close 1002"}},
	{"5.11 continuation after the end", text("a") + frame(websocket.OpContinuation, "a"), []string{`text "a"`, "close 1002"}},
	{"5.15 continuation after the last fragment", frame(websocket.OpText, "a") + frame(final|websocket.OpContinuation, "b") + frame(final|websocket.OpContinuation, "c"), []string{`text "ab"`, "close 1002"}},
	{"5.18 message in a message", frame(websocket.OpText, "a") + text("b"), []string{"close 1002"}},
	{"5.18 binary message in a message", frame(websocket.OpText, "a") + frame(websocket.OpBinary, "b"), []string{"close 1002"}},
	{"6.2 UTF-8 in fragments", frame(websocket.OpText, "κό\xcf") + frame(websocket.OpContinuation, "\x83\xf0\x9f") + frame(final|websocket.OpContinuation, "\x98\x80"), []string{`text "κόσ😀"`}},
	{"6.3 invalid UTF-8", text("a\xff"), []string{"close 1007"}},
	{"6.4 invalid UTF-8 in fragments", frame(websocket.OpText, "κ\xf4") + frame(final|websocket.OpContinuation, "\x90\x80\x80"), []string{"close 1007"}},
	{"6.6 cut UTF-8", text("κ\xcf"), []string{"close 1007"}},
	{"6.9 NUL, the last code point", text("\x00\U0010ffff\ufffe"), []string{"text " + fmt.Sprintf("%q", "\x00\U0010ffff\ufffe")}},
	{"6.18 overlong UTF-8", text("\xc0\xaf"), []string{"close 1007"}},
	{"6.21 surrogate", text("\xed\xa0\x80"), []string{"close 1007"}},
	{"7.1 message after Close", closing(1000, "") + text("a"), []string{"close 1000"}},
	{"7.1 ping after Close", closing(1000, "") + frame(final|websocket.OpPing, ""), []string{"close 1000"}},
	{"7.1 Close in a message", frame(websocket.OpText, "a") + closing(1000, "bye") + frame(final|websocket.OpContinuation, "b"), []string{"close 1000"}},
	{"7.3 Close without a code", frame(final|websocket.OpClose, ""), []string{`close ""`}},
	{"7.3 Close with half a code", frame(final|websocket.OpClose, "\x03"), []string{"close 1002"}},
	{"7.3 Close with the longest reason", closing(1000, long(123)), []string{"close 1000"}},
	{"7.3 Close with a longer reason", closing(1000, long(124)), []string{"close 1002"}},
	{"7.5 Close with invalid UTF-8", closing(1000, "\xff"), []string{"close 1007"}},
	{"no mask", "\x81\x01a", []string{"close 1002"}},
	{"control frame without a mask", "\x89\x00", []string{"close 1002"}},
	{"16 bits for a short length", "\x81\xfe\x00\x7d\x00\x00\x00\x00" + long(125), []string{"close 1002"}},
	{"64 bits for a short length", "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", []string{"close 1002"}},
	{"16 bits for a ping", "\x89\xfe\x00\x01\x00\x00\x00\x00a", []string{"close 1002"}},
	{"highest bit of the length", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", []string{"close 1002"}},
	{"highest length", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", []string{"close 1009"}},
	{"too large", "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00", []string{"close 1009"}},
	{"too large in fragments", frame(websocket.OpText, long(websocket.MaxMessage)) + frame(final|websocket.OpContinuation, "a"), []string{"close 1009"}},
	{"highest length of a continuation", frame(websocket.OpText, "abc") + "\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", []string{"close 1009"}},
	{"largest in fragments", frame(websocket.OpText, long(websocket.MaxMessage-16)) + frame(final|websocket.OpContinuation, long(16)), []string{fmt.Sprintf("text %q", long(websocket.MaxMessage-16)+long(16))}},
	{"many fragments", strings.Repeat(frame(websocket.OpBinary, "ab")+strings.Repeat(frame(websocket.OpContinuation, "c"), 5000)+frame(final|websocket.OpContinuation, ""), 2),
		slices.Repeat([]string{fmt.Sprintf("binary %q", "ab"+strings.Repeat("c", 5000))}, 2)},
	{"the client disconnects", text("a") + text("b")[:3], []string{`text "a"`}},
}

// Codes of Close frames (RFC 6455, section 7.4, and the registry of IANA).
var closeCodes = map[int]bool{
	0: false, 1: false, 999: false, 1000: true, 1001: true, 1002: true, 1003: true, 1004: false, 1005: false, 1006: false,
	1007: true, 1008: true, 1009: true, 1010: true, 1011: true, 1012: true, 1013: true, 1014: true, 1015: false, 1016: false,
	1100: false, 2000: false, 2999: false, 3000: true, 3999: true, 4000: true, 4999: true, 5000: false, 65535: false,
}

func TestWebSocket(t *testing.T) {
	for _, c := range webSocketCases {
		t.Run(c.name, func(t *testing.T) {
			if got := echoed(t, strings.NewReader(c.sent)); !slices.Equal(got, c.want) {
				t.Errorf("answered %.300q, want %.300q", got, c.want)
			}
			if len(c.sent) > 1<<16 {
				return
			}
			if got := echoed(t, iotest.OneByteReader(strings.NewReader(c.sent))); !slices.Equal(got, c.want) {
				t.Errorf("byte by byte: answered %.300q, want %.300q", got, c.want)
			}
		})
	}
	for code, valid := range closeCodes {
		want := "close 1002"
		if valid {
			want = fmt.Sprint("close ", code)
		}
		if got := echoed(t, strings.NewReader(closing(uint16(code), "reason"))); !slices.Equal(got, []string{want}) {
			t.Errorf("Close with code %d is answered %q, want %s", code, got, want)
		}
	}
}

// A script is a connection of which one side is known beforehand.
type script struct {
	net.Conn // nil: no other method is called
	out      bytes.Buffer
}

func (s *script) SetReadDeadline(time.Time) error { return nil }

func (s *script) SetWriteDeadline(time.Time) error { return nil }

// echoed returns what the server sends to a client that sends a stream and then
// disconnects.
func echoed(t *testing.T, sent io.Reader) (frames []string) {
	t.Helper()
	const budget = 2 * websocket.MaxMessage
	s := &script{}
	server := &websocket.Server{Memory: memory.NewBudget(budget)}
	server.Echo(s, sent, &s.out)
	if !server.Memory.Take(budget) || server.Memory.Take(1) {
		t.Error("the memory is not what it was before the connection")
	}
	for {
		got, err := readFrame(&s.out)
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, got)
	}
}

// FuzzWebSocket compares the answers with those of a second, plain implementation
// that knows the whole stream.
func FuzzWebSocket(f *testing.F) {
	for _, c := range webSocketCases {
		if len(c.sent) < 1<<12 {
			f.Add([]byte(c.sent))
		}
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		want := expected(sent)
		if got := echoed(t, bytes.NewReader(sent)); !slices.Equal(got, want) {
			t.Errorf("% x is answered %.300q, want %.300q", sent, got, want)
		}
		if got := echoed(t, iotest.OneByteReader(bytes.NewReader(sent))); !slices.Equal(got, want) {
			t.Errorf("% x byte by byte is answered %.300q, want %.300q", sent, got, want)
		}
	})
}

// expected returns the frames that answer a stream, as RFC 6455 has them.
func expected(sent []byte) (frames []string) {
	var message []byte
	kind := byte(0)
	fails := func(code int) []string { return append(frames, fmt.Sprint("close ", code)) }
	for len(sent) >= 2 {
		opcode, control := sent[0]&15, sent[0]&8 != 0
		if sent[0]&0x70 != 0 || sent[1] < 128 || opcodeNames[opcode] == "" && opcode != 0 {
			return fails(1002)
		}
		if control && (sent[0] < 128 || sent[1]-128 > 125) {
			return fails(1002)
		}
		if !control && (opcode == 0) != (kind != 0) {
			return fails(1002)
		}
		length, header := uint64(sent[1]-128), 6
		switch {
		case length == 126 && len(sent) >= 8:
			length, header = uint64(binary.BigEndian.Uint16(sent[2:])), 8
			if length < 126 {
				return fails(1002)
			}
		case length == 127 && len(sent) >= 14:
			length, header = binary.BigEndian.Uint64(sent[2:]), 14
			if length < 65536 || length > 1<<63-1 {
				return fails(1002)
			}
		case length >= 126 || len(sent) < 6:
			return frames
		}
		if uint64(len(message))+length > 1<<20 && !control {
			return fails(1009)
		}
		if uint64(len(sent)-header) < length {
			return frames
		}
		payload := make([]byte, length)
		for i := range payload {
			payload[i] = sent[header+i] ^ sent[header-4+i%4]
		}
		last := sent[0] > 127
		sent = sent[header+int(length):]
		switch {
		case opcode == websocket.OpClose && length == 0:
			return append(frames, `close ""`)
		case opcode == websocket.OpClose && length == 1:
			return fails(1002)
		case opcode == websocket.OpClose:
			code := int(binary.BigEndian.Uint16(payload))
			switch {
			case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
			default:
				return fails(1002)
			}
			if !utf8.Valid(payload[2:]) {
				return fails(1007)
			}
			return fails(code)
		case opcode == websocket.OpPing:
			frames = append(frames, fmt.Sprintf("pong %q", payload))
		case !control:
			if opcode != 0 {
				kind = opcode
			}
			message = append(message, payload...)
			if last {
				if kind == websocket.OpText && !utf8.Valid(message) {
					return fails(1007)
				}
				frames = append(frames, fmt.Sprintf("%s %q", opcodeNames[kind], message))
				kind, message = 0, nil
			}
		}
	}
	return frames
}

// A message in small fragments is not copied for each of them.
func TestWebSocketFragments(t *testing.T) {
	for _, size := range []int{64, 1} {
		n := websocket.MaxMessage / size
		part := long(size)
		sent := frame(websocket.OpBinary, part) + strings.Repeat(frame(websocket.OpContinuation, part), n-2) + frame(final|websocket.OpContinuation, part)
		want := []string{fmt.Sprintf("binary %q", strings.Repeat(part, n))}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := echoed(t, strings.NewReader(sent))
		runtime.ReadMemStats(&after)
		if !slices.Equal(got, want) {
			t.Errorf("fragments of %d bytes: answered %.300q, want %.300q", size, got, want)
		}
		// The message, what is sent back and its description take less than half of this.
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 32*websocket.MaxMessage {
			t.Fatalf("fragments of %d bytes: allocated %d bytes, want at most %d", size, allocated, 32*websocket.MaxMessage)
		}
	}
}

// Each wait for a client ends exactly when its time has passed, whatever the time-outs
// of HTTP are.
func TestWebSocketTimeouts(t *testing.T) {
	for _, c := range []struct {
		name  string
		run   func(t *testing.T, c *webSocketClient)
		after time.Duration
	}{
		{"no frame", func(t *testing.T, c *webSocketClient) {}, websocket.WebSocketIdle},
		{"no frame for as long again", func(t *testing.T, c *webSocketClient) {
			time.Sleep(websocket.WebSocketIdle - 1)
			io.WriteString(c, frame(final|websocket.OpPing, ""))
			c.frame(t)
		}, 2*websocket.WebSocketIdle - 1},
		{"part of a header", func(t *testing.T, c *webSocketClient) { io.WriteString(c, "\x81") }, websocket.FrameTime},
		{"part of a message", func(t *testing.T, c *webSocketClient) { io.WriteString(c, text("abc")[:8]) }, websocket.FrameTime},
		{"part of a ping", func(t *testing.T, c *webSocketClient) {
			io.WriteString(c, frame(final|websocket.OpPing, "abc")[:8])
		}, websocket.FrameTime},
		{"pause between fragments", func(t *testing.T, c *webSocketClient) {
			io.WriteString(c, frame(websocket.OpText, "abc"))
		}, websocket.FrameTime},
		{"slow fragments", func(t *testing.T, c *webSocketClient) {
			io.WriteString(c, frame(websocket.OpText, ""))
			for range 5 {
				time.Sleep(websocket.FrameTime - 1)
				io.WriteString(c, frame(websocket.OpContinuation, "a"))
			}
			io.WriteString(c, frame(final|websocket.OpContinuation, "a"))
			if got := c.frame(t); got != `text "aaaaaa"` {
				t.Errorf("answered %s", got)
			}
		}, 5*(websocket.FrameTime-1) + websocket.WebSocketIdle},
		{"pings and fragments without an end", func(t *testing.T, c *webSocketClient) {
			io.WriteString(c, frame(websocket.OpText, "abc"))
			for range 9 {
				time.Sleep(websocket.MessageTime / 10)
				io.WriteString(c, frame(final|websocket.OpPing, "")+frame(websocket.OpContinuation, ""))
				c.frame(t)
			}
		}, websocket.MessageTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newWebSocketTest(t, 1<<20)
				client := handshake(t, s.pipe(t))
				start := time.Now()
				c.run(t, client)
				if got := client.frame(t); got != "close 1001" {
					t.Errorf("answered %s, want close 1001", got)
				}
				if after := time.Since(start); after != c.after {
					t.Errorf("the Close frame arrives after %v, want %v", after, c.after)
				}
				client.wantEnd(t)
				if after := time.Since(start); after != c.after+websocket.CloseTime {
					t.Errorf("the connection ends after %v, want %v", after, c.after+websocket.CloseTime)
				}
				s.ended(t)
			})
		})
	}
}

// A client that does not receive a message cannot hold its connection and memory.
func TestWebSocketClientThatDoesNotRead(t *testing.T) {
	withTLS(t, func(t *testing.T, config *tls.Config) {
		synctest.Test(t, func(t *testing.T) {
			s := newWebSocketTest(t, 1<<20)
			s.config = config
			client := handshake(t, s.pipe(t))
			start := time.Now()
			io.WriteString(client, text(long(100_000)))
			s.ended(t)
			if after := time.Since(start); after != websocket.FrameTime+websocket.CloseTime {
				t.Errorf("the connection ends after %v, want %v", after, websocket.FrameTime+websocket.CloseTime)
			}
		})
	})
}

func TestWebSocketMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 2 * websocket.MaxMessage
		s := newWebSocketTest(t, budget)
		client := handshake(t, s.pipe(t))
		// A length that the client only declares takes no memory.
		io.WriteString(client, text(long(websocket.MaxMessage))[:20])
		synctest.Wait()
		free := int64(budget - len("first") - 4096)
		if !s.sockets.Memory.Take(free) {
			t.Fatal("a client that has sent 6 bytes takes more than 4096")
		}
		go io.WriteString(client, text(long(websocket.MaxMessage))[20:])
		if got := client.frame(t); got != "close 1013" {
			t.Errorf("without memory answered %s, want close 1013", got)
		}
		s.sockets.Memory.Release(free)
		client.Close()
		s.ended(t)
		s.sockets.Memory.Take(budget - 4)
		conn := s.pipe(t)
		io.WriteString(conn, sampleHandshake+"\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
			t.Fatalf("without memory the handshake is answered %v (%v), want 503 and Retry-After", response, err)
		}
	})
}

// When draining begins, every connection gets 1001, and none outlives it by more
// than the time to disconnect, whatever the client does.
func TestWebSocketDrain(t *testing.T) {
	for _, c := range []struct{ name, sent string }{
		{"idle", ""},
		{"in a message", text("abc")[:8]},
		{"between fragments", frame(websocket.OpText, "abc")},
	} {
		t.Run(c.name, func(t *testing.T) {
			withTLS(t, func(t *testing.T, config *tls.Config) {
				synctest.Test(t, func(t *testing.T) {
					s := newWebSocketTest(t, 1<<20)
					s.config = config
					client := handshake(t, s.pipe(t))
					io.WriteString(client, c.sent)
					synctest.Wait()
					start := time.Now()
					close(s.draining)
					if got := client.frame(t); got != "close 1001" {
						t.Errorf("answered %s, want close 1001", got)
					}
					io.WriteString(client, closing(1001, ""))
					client.wantEnd(t)
					s.ended(t)
					if after := time.Since(start); after != websocket.CloseTime {
						t.Errorf("the connection ends %v after draining began, want %v", after, websocket.CloseTime)
					}
					// A client that comes while the server drains still sees its request.
					client = handshake(t, s.pipe(t))
					if got := client.frame(t); got != "close 1001" {
						t.Errorf("while draining answered %s, want close 1001", got)
					}
				})
			})
		})
	}
}

// A connection that is sending when draining begins ends after that message.
func TestWebSocketDrainWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWebSocketTest(t, 1<<20)
		client := handshake(t, s.pipe(t))
		io.WriteString(client, text("a"))
		synctest.Wait() // until the server waits for the client to read
		close(s.draining)
		synctest.Wait()
		start := time.Now()
		for _, want := range []string{`text "a"`, "close 1001"} {
			if got := client.frame(t); got != want {
				t.Errorf("answered %s, want %s", got, want)
			}
		}
		if after := time.Since(start); after != 0 {
			t.Errorf("the Close frame arrives after %v, want it at once", after)
		}
	})
}

// A client that does not read when draining begins does not delay the stop: the
// connection ends a second later, with or without a message to send.
func TestWebSocketDrainUnread(t *testing.T) {
	for name, sent := range map[string]string{"Close frame": "", "message": text("a")} {
		t.Run(name, func(t *testing.T) {
			withTLS(t, func(t *testing.T, config *tls.Config) {
				synctest.Test(t, func(t *testing.T) {
					s := newWebSocketTest(t, 1<<20)
					s.config = config
					client := handshake(t, s.pipe(t))
					io.WriteString(client, sent)
					synctest.Wait() // until the server waits for the client to read
					start := time.Now()
					close(s.draining)
					s.ended(t)
					if after := time.Since(start); after != websocket.CloseTime {
						t.Errorf("the connection ends %v after draining began, want %v", after, websocket.CloseTime)
					}
				})
			})
		})
	}
}

// Over real sockets, with TLS and without, frames that arrive with the handshake are
// answered, and the client receives the Close frame even while it sends.
func TestWebSocketSockets(t *testing.T) {
	withTLS(t, func(t *testing.T, config *tls.Config) {
		s := newWebSocketTest(t, 4<<20)
		s.server.TLSConfig = config
		listener := servertest.Listen(t)
		open := func(sent string) *webSocketClient {
			conn := servertest.Dial(t, listener.Addr().String())
			if config != nil {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			}
			go io.WriteString(conn, sampleHandshake+"\r\n"+sent)
			client := &webSocketClient{conn, bufio.NewReader(conn)}
			if response, err := http.ReadResponse(client.in, nil); err != nil || response.StatusCode != 101 {
				t.Fatal(response, err)
			}
			if got := client.frame(t); got != `text "first"` {
				t.Fatalf("the first message is %s", got)
			}
			return client
		}
		if config != nil {
			go s.server.ServeTLS(listener, "", "")
		} else {
			go s.server.Serve(listener)
		}
		if config != nil {
			// A page that came without TLS may not be this host's.
			conn := tls.Client(servertest.Dial(t, listener.Addr().String()), &tls.Config{InsecureSkipVerify: true})
			host, _, _ := strings.Cut(strings.SplitAfterN(sampleHandshake, "Host: ", 2)[1], "\r\n")
			io.WriteString(conn, sampleHandshake+"Origin: http://"+host+"\r\n\r\n")
			if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != 403 {
				t.Errorf("a page without TLS gets %v (%v), want 403", response, err)
			}
			conn.Close()
		}
		client := open(text("with the handshake"))
		if got := client.frame(t); got != `text "with the handshake"` {
			t.Errorf("answered %.100s", got)
		}
		io.WriteString(client, frame(final|websocket.OpBinary, long(websocket.MaxMessage)))
		if got := client.frame(t); got != fmt.Sprintf("binary %q", long(websocket.MaxMessage)) {
			t.Errorf("a message of %d bytes is answered %.100s", websocket.MaxMessage, got)
		}
		io.WriteString(client, closing(4000, "bye"))
		if got := client.frame(t); got != "close 4000" {
			t.Errorf("answered %.100s, want close 4000", got)
		}
		client.wantEnd(t)
		client.Close()

		client = open(text(long(websocket.MaxMessage + 1)))
		if got := client.frame(t); got != "close 1009" {
			t.Errorf("a message of %d bytes is answered %.100s, want close 1009", websocket.MaxMessage+1, got)
		}
		client.wantEnd(t)
		client.Close()
		s.ended(t)
	})
}

// With ARGSERVER_ECHO=1 every path that the echo answers is a WebSocket, and without
// it none. The stop sends 1001 to the connections and waits for them.
func TestWebSocketEcho(t *testing.T) {
	target := func(path string) string { return strings.Replace(sampleHandshake, "/chat", path, 1) + "\r\n" }
	quiet := servertest.Serve(t, nil)
	for path, want := range map[string]int{"/chat": 404, "/request": 200} {
		if response := servertest.Exchange(t, quiet.Addr, target(path)); response.StatusCode != want {
			t.Errorf("without the setting %s answered %s, want %d", path, response.Status, want)
		}
	}

	loud := servertest.Serve(t, nil, "ARGSERVER_ECHO=1")
	if response := servertest.Exchange(t, loud.Addr, target("/args")); response.StatusCode != 200 {
		t.Errorf("/args answered %s, want 200", response.Status)
	}
	if a := servertest.Fetch(t, "GET", loud.URL+"/chat", "Upgrade", "websocket"); a.Status != 200 {
		t.Errorf("a request that is no handshake got %d, want 200", a.Status)
	}
	var access servertest.LockedBuffer
	server := servertest.ServeTo(t, &access, nil, "ARGSERVER_ECHO=1", "ARGSERVER_ACCESS_LOG=1", "ARGSERVER_ENV=POD", "POD=pod-1", "ARGSERVER_SHUTDOWN_TIMEOUT=1h")
	var clients []*webSocketClient
	for _, path := range []string{"/", "/chat//a?b=c", "/request/x"} {
		conn := servertest.Dial(t, server.Addr)
		client := &webSocketClient{conn, bufio.NewReader(conn)}
		io.WriteString(conn, target(path))
		if response, err := http.ReadResponse(client.in, nil); err != nil || response.StatusCode != 101 {
			t.Fatalf("%s is answered %v (%v), want 101", path, response, err)
		}
		if got := client.frame(t); !strings.Contains(got, fmt.Sprintf(`\"target\":\"%s\"`, path)) || !strings.Contains(got, "pod-1") {
			t.Errorf("the first message at %s is %s, want the request", path, got)
		}
		io.WriteString(conn, text("a"))
		if got := client.frame(t); got != `text "a"` {
			t.Errorf("%s is answered %s", path, got)
		}
		clients = append(clients, client)
	}
	clients[0].Close()
	for deadline := time.Now().Add(servertest.Patience); !strings.Contains(access.String(), ` GET "/" 101 0 `); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the access log lacks the closed connection: %q", access.String())
		}
	}
	server.Signals <- os.Interrupt
	for _, client := range clients[1:] {
		if got := client.frame(t); got != "close 1001" {
			t.Errorf("the stop sends %s, want close 1001", got)
		}
		io.WriteString(client, closing(1001, ""))
		client.wantEnd(t)
		client.Close()
	}
	server.WantExit(t, 0, "stopped on signal")
}

func TestLimitsInDocument(t *testing.T) {
	servertest.WantLimits(t, "WebSocket", map[string]any{
		"message": servertest.Bytes(websocket.MaxMessage),
		"time for a frame to arrive, and for a client to read a message": websocket.FrameTime,
		"time for a message in fragments":                                websocket.MessageTime,
		"time without a frame":                                           websocket.WebSocketIdle,
	})
}
