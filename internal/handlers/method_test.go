package handlers_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"argserver/internal/servertest"
)

// Over HTTP/2 a method may hold any text, which must neither forge a line of the
// access log nor move the cursor of a terminal.
func TestMethodHTTP2(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		body, log    string
	}{
		{"BREW", "/request", 200, "\nBREW /request HTTP/2.0\n", `BREW "/request" 200 `},
		{"!#$%&'*+-.^_`|~", "/request", 200, "\n!#$%&'*+-.^_`|~ /request", "!#$%&'*+-.^_`|~ \"/request\" 200 "},
		{`GET "/secret" 200 7 1ms 127.0.0.1:1 GET`, "/request", 400, `method "GET \"/secret\" 200`, `"GET \"/secret\" 200 7 1ms 127.0.0.1:1 GET" "/request" 400 `},
		{"A\u009b31mB", "/request", 400, `method "A\u009b31mB": want a token, such as GET`, `"A\u009b31mB" "/request" 400 `},
		{"A\x9bB", "/args", 400, `method "A\x9bB"`, `"A\x9bB" "/args" 400 `},
		{"\u202eTEG", "/", 400, `method "\u202eTEG"`, `"\u202eTEG" "/" 400 `},
		{"É", "/", 400, `method "É"`, `"É" "/" 400 `},
		{"<script>", "/nothing", 400, `method "<script>"`, `"<script>" "/nothing" 400 `},
		{" ", "/healthz", 400, `method " "`, `" " "/healthz" 400 `},
		{"CONNECT", "", 501, "method CONNECT", `CONNECT "" 501 `},
	} {
		var access servertest.LockedBuffer
		server := servertest.ServeTo(t, &access, []string{"/argserver"}, "ARGSERVER_ACCESS_LOG=1")
		status, body := askHTTP2(t, server.Addr, c.method, c.path)
		if status != fmt.Sprint(c.status) || !strings.Contains(body, c.body) {
			t.Errorf("%q %s got %s %q, want %d with %q", c.method, c.path, status, body, c.status, c.body)
		}
		var line string
		for line == "" { // the server logs after it has answered
			line = access.String()
		}
		if _, got, _ := strings.Cut(line, " "); !strings.HasPrefix(got, c.log) || strings.Count(line, "\n") != 1 {
			t.Errorf("%q %s logged %q, want %s", c.method, c.path, line, c.log)
		}
	}
}

// A 2xx would promise a tunnel, so CONNECT gets 501 for any target.
func TestConnect(t *testing.T) {
	server := servertest.Serve(t, []string{"/argserver"})
	for _, target := range []string{"example.org:443", "/request", "/request/a?status=200", "/", "/args", "/nothing", "*", "http://a/request"} {
		response := servertest.Exchange(t, server.Addr, "CONNECT "+target+" HTTP/1.1\r\nHost: a\r\n\r\n")
		if response.StatusCode != 501 {
			t.Errorf("CONNECT %s got %s, want 501", target, response.Status)
		}
	}
}

// askHTTP2 sends a request over HTTP/2 without TLS and returns the status and the
// body. It writes the frames itself, because no client sends a method that is no token.
func askHTTP2(t *testing.T, addr, method, path string) (status, body string) {
	t.Helper()
	fields := [][2]string{{":method", method}, {":authority", "a:1"}}
	if method != "CONNECT" {
		fields = append(fields, [2]string{":path", path}, [2]string{":scheme", "http"})
	}
	var block []byte
	for _, field := range fields { // literal, without Huffman code (RFC 7541, section 6.2.2)
		block = append(append(block, 0, byte(len(field[0]))), field[0]...)
		block = append(append(block, byte(len(field[1]))), field[1]...)
	}
	const headers, endStreamAndHeaders = 1, 0x5
	conn := servertest.Dial(t, addr)
	// The preface, empty SETTINGS and HEADERS of stream 1 (RFC 9113, section 4.1).
	io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"+
		string([]byte{0, 0, byte(len(block)), headers, endStreamAndHeaders, 0, 0, 0, 1})+string(block))
	for {
		header := make([]byte, 9)
		if _, err := io.ReadFull(conn, header); err != nil {
			t.Fatalf("%q %s: %v before the end of the response", method, path, err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(header)>>8)
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		if binary.BigEndian.Uint32(header[5:]) != 1 {
			continue // about the connection
		}
		switch header[3] {
		case 0: // DATA
			body += string(payload)
		case headers:
			// The server indexes these (RFC 7541, appendix A) and writes 501 with
			// the name from the table and Huffman code.
			for s, code := range map[string]string{"200": "\x88", "400": "\x8c", "501": "\x4e\x82\x6c\x01"} {
				if bytes.HasPrefix(payload, []byte(code)) {
					status = s
				}
			}
		default:
			t.Fatalf("%q %s: got frame %v %q", method, path, header, payload)
		}
		if header[4]&1 != 0 { // END_STREAM
			return status, body
		}
	}
}
