// Package websocket sends every message of a client back.
package websocket

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"argserver/internal/memory"
	"argserver/internal/response"
	"argserver/internal/token"
)

const (
	maxMessage = 1 << 20 // largest WebSocket message, in bytes

	// The longest time without a frame. It is that of an idle HTTP connection, for
	// the same reason.
	webSocketIdle = 75 * time.Second
	// The longest time for a client to send a frame, and to receive one. A request has
	// as long to arrive.
	frameTime = 10 * time.Second
	// The longest time for a client to send a message: one of a million fragments takes
	// some clients longer than a frame may.
	messageTime = time.Minute
	// The longest time for a client to disconnect after the Close frame.
	closeTime = time.Second
)

// Opcodes of frames. Those from opClose on belong to control frames.
// https://www.rfc-editor.org/rfc/rfc6455#section-5.2
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// A Close frame starts with a status code of two bytes, then gives a reason of up to
// 123 bytes. https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
const (
	closeProtocol = "\x03\xea" // 1002
	closeInvalid  = "\x03\xef" // 1007
	closeTooBig   = "\x03\xf1" // 1009
	closeTryAgain = "\x03\xf5" // 1013, in the registry of IANA

	// Status 1001. A read has failed: its deadline has passed, or, if the client
	// disconnected, nobody receives this.
	closeGoingAway = "\x03\xe9shutting down, no frame in 75s, no whole frame in 10s, or no whole message in 1m"
)

// Server echoes WebSocket messages (RFC 6455), without extensions.
type Server struct {
	Memory   *memory.Budget
	Draining <-chan struct{} // closed when every connection must end
}

// Wants reports whether a request asks to switch to the WebSocket protocol.
// A server ignores this over HTTP/1.0 (RFC 9110, section 7.8), and HTTP/2 does not
// have it.
func Wants(r *http.Request) bool {
	return r.Proto == "HTTP/1.1" && element(r.Header["Upgrade"], "websocket") != "" && element(r.Header["Connection"], "upgrade") != ""
}

// element returns the first token in a header that is a comma-separated list, or the
// first that is want, in any case, if want is not empty. Without one it returns "".
func element(header []string, want string) string {
	for _, s := range strings.Split(strings.Join(header, ","), ",") {
		if s = textproto.TrimString(s); token.Valid(s) && (want == "" || strings.ToLower(s) == want) {
			return s
		}
	}
	return ""
}

// sameHost reports whether origin, from a request that came with TLS or without, is
// that of a page from host. Without TLS here, a proxy may have it, so both schemes
// are possible.
func sameHost(origin, host string, tls bool) bool {
	scheme, from, _ := strings.Cut(strings.ToLower(origin), "://")
	port := ":443"
	if scheme == "http" && !tls {
		port = ":80"
	} else if scheme != "https" {
		return false
	}
	host = strings.TrimSuffix(strings.ToLower(host), port)
	return host != "" && strings.TrimSuffix(from, port) == host
}

// Serve responds to a request for which Wants is true. It switches the protocol, sends
// first, which must be UTF-8, as a text message, and then sends back every message. It
// returns when the connection has ended, at most a second after Draining is closed. If
// the handshake is wrong, it responds with 400 or 426. If it comes from a page of
// another host, it responds with 403, so that no such page gets a WebSocket. Without
// memory it responds with 503.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, first []byte) {
	answer := w.Header()
	answer.Set("Upgrade", "websocket")
	// A second value joins the first, and no header that is checked here may be a list.
	value := func(name string) string { return strings.Join(r.Header[name], ",") }
	key := value("Sec-Websocket-Key")
	decoded, err := base64.StdEncoding.DecodeString(key)
	origin := value("Origin") // only browsers send one
	status, name, want := http.StatusBadRequest, "Upgrade", "a GET request without a body"
	switch {
	case r.Method != http.MethodGet || r.ContentLength != 0:
	case value("Sec-Websocket-Version") != "13":
		status, name, want = http.StatusUpgradeRequired, "Sec-Websocket-Version", "13"
	case err != nil || len(decoded) != 16:
		name, want = "Sec-Websocket-Key", "16 bytes in base64"
	case origin != "" && !sameHost(origin, r.Host, r.TLS != nil):
		status, name, want = http.StatusForbidden, "Origin", "a page of this host"
	case !s.Memory.Take(int64(len(first))):
		answer.Set("Retry-After", "1")
		status, want = http.StatusServiceUnavailable, "fewer connections; try again later"
	default:
		// A client that offers subprotocols fails the connection unless one is chosen.
		if protocol := element(r.Header["Sec-Websocket-Protocol"], ""); protocol != "" {
			answer.Set("Sec-Websocket-Protocol", protocol)
		}
		// The protocol prescribes SHA-1. The hash protects nothing: it shows that the
		// server knows the protocol (RFC 6455, section 1.3).
		hash := sha1.New()
		hash.Write(append([]byte(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
		answer.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(hash.Sum(nil)))
		answer.Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		// net/http keeps the request as long as the connection lasts.
		r.Header = nil
		r.URL, r.RequestURI = new(url.URL), ""
		s.run(w, first)
		return
	}
	answer.Set("Sec-WebSocket-Version", "13")
	answer["Connection"] = append(answer["Connection"], "Upgrade") // beside a close
	response.Fail(w, status, fmt.Sprintf("%s %q: want %s", name, r.Header[name], want))
}

// run takes over the connection after the handshake, until it has ended.
func (s *Server) run(w http.ResponseWriter, first []byte) {
	// Every ResponseWriter of HTTP/1 is a Hijacker, and so must be one that wraps it.
	// Hijack clears the deadlines.
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	// A TLS connection would wait 5 s for a client to receive the end of TLS, so close
	// the one below it. That also ends what blocks on the connection.
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	cut := func() { raw.Close() }
	c := webSocket{Server: s, conn: conn, in: buffered.Reader, out: buffered.Writer}
	echoed := make(chan struct{})
	go func() {
		select {
		case <-s.Draining:
			time.AfterFunc(closeTime, cut)
			conn.SetReadDeadline(past)
			<-echoed
		case <-echoed:
			time.AfterFunc(closeTime, cut)
		}
	}()
	c.send(opText, first)
	s.Memory.Release(int64(len(first)))
	closing := c.echo()
	c.forget()
	echoed <- struct{}{} // from here on only this goroutine sets deadlines

	// A connection closed while bytes of the client are unread may lose the Close
	// frame. So end one direction and wait for the client to end the other.
	c.send(opClose, []byte(closing))
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	conn.SetReadDeadline(time.Time{})
	c.in.Discard(1 << 30) // until the client disconnects or the time has passed
	cut()
}

// past is a deadline that has passed; the zero time would mean none.
var past = time.Unix(1, 0)

// A webSocket is a connection after its handshake.
type webSocket struct {
	*Server
	conn    net.Conn
	in      *bufio.Reader // may hold bytes that arrived with the handshake
	out     *bufio.Writer
	mask    [4]byte // of the last frame
	message []byte  // as far as it has arrived
}

// echo sends back the messages of the client and answers its pings, until one of
// them has a reason to close the connection. It returns the payload of the Close
// frame to send.
func (c *webSocket) echo() (closing string) {
	opcode := byte(opContinuation) // of the message that has begun, if one has
	var end time.Time              // when that must have arrived
	for {
		// Control frames may stand between the fragments of a message. They do not
		// extend its time.
		if opcode == opContinuation {
			c.within(webSocketIdle)
			if _, err := c.in.Peek(1); err != nil {
				return closeGoingAway
			}
			end = time.Now().Add(messageTime)
		}
		c.within(min(frameTime, time.Until(end)))
		head, err := c.in.Peek(2)
		if err != nil {
			return closeGoingAway
		}
		op, final := head[0]&0x0f, head[0]&0x80 != 0
		extended := 0 // bytes of a longer length
		n := int64(head[1] & 0x7f)
		if n > 125 {
			extended = 2
		}
		if n > 126 {
			extended = 8
		}
		switch {
		case head[0]&0x70 != 0:
			return closeProtocol + "reserved bit"
		case head[1]&0x80 == 0:
			return closeProtocol + "frame without a mask"
		case op > opPong || op > opBinary && op < opClose:
			return closeProtocol + "unknown opcode"
		case op >= opClose && (!final || extended > 0):
			return closeProtocol + "control frame in fragments or over 125 bytes"
		case op < opClose && (op == opContinuation) != (opcode != opContinuation):
			return closeProtocol + "fragment out of order"
		}
		size := 2 + extended + 4
		if head, err = c.in.Peek(size); err != nil {
			return closeGoingAway
		}
		if extended > 0 {
			n = 0
			for _, b := range head[2 : 2+extended] {
				n = n<<8 | int64(b)
			}
			// The shortest form of the length is required, and its highest bit is 0.
			if n < 126 || extended == 8 && n <= 0xffff {
				return closeProtocol + "length"
			}
		}
		copy(c.mask[:], head[2+extended:])
		c.in.Discard(size)

		if op >= opClose {
			payload, err := c.in.Peek(int(n))
			if err != nil {
				return closeGoingAway
			}
			c.unmask(payload, 0)
			if op == opClose {
				return answerClose(payload)
			}
			if op == opPing && c.send(opPong, payload) != nil {
				return ""
			}
			c.in.Discard(int(n))
			continue
		}
		if op != opContinuation {
			opcode = op
		}
		if closing := c.receive(n); closing != "" {
			return closing
		}
		if !final {
			continue
		}
		if opcode == opText && !utf8.Valid(c.message) {
			return closeInvalid + "text that is not UTF-8"
		}
		if c.send(opcode, c.message) != nil {
			return ""
		}
		c.forget()
		opcode = opContinuation
	}
}

// receive appends the n bytes of a payload to the message. If it cannot, it returns
// the payload of a Close frame.
func (c *webSocket) receive(n int64) (closing string) {
	start := len(c.message)
	if n > int64(maxMessage-start) {
		return closeTooBig + "message over 1048576 bytes"
	}
	end := start + int(n)
	for len(c.message) < end {
		length := len(c.message)
		if length == cap(c.message) && !c.grow(min(maxMessage, 2*length+int(min(n, 4096)))) {
			return closeTryAgain + "out of memory"
		}
		got, err := c.in.Read(c.message[length:min(cap(c.message), end)])
		if err != nil {
			return closeGoingAway
		}
		c.message = c.message[:length+got]
		c.unmask(c.message[length:], length-start)
	}
	return ""
}

// grow raises the capacity of the message. It does so as bytes arrive, not as the
// client declares them. It returns false if the memory does not suffice.
func (c *webSocket) grow(capacity int) bool {
	if !c.Memory.Take(int64(capacity)) {
		return false
	}
	message := make([]byte, len(c.message), capacity)
	copy(message, c.message)
	c.forget()
	c.message = message
	return true
}

// forget releases the memory of the message.
func (c *webSocket) forget() {
	c.Memory.Release(int64(cap(c.message)))
	c.message = nil
}

// within bounds the time for the next bytes to arrive. Once the server drains, none
// may.
func (c *webSocket) within(d time.Duration) {
	c.conn.SetReadDeadline(time.Now().Add(d))
	select {
	case <-c.Draining: // it may have set its deadline before the one above
		c.conn.SetReadDeadline(past)
	default:
	}
}

// unmask decodes a part of a payload, from an offset on.
// https://www.rfc-editor.org/rfc/rfc6455#section-5.3
func (c *webSocket) unmask(part []byte, offset int) {
	for i := range part {
		part[i] ^= c.mask[(offset+i)&3]
	}
}

// answerClose returns the payload of the answer to a Close frame: the same if it is
// valid.
func answerClose(payload []byte) (closing string) {
	if len(payload) == 0 {
		return ""
	}
	code := 0
	if len(payload) > 1 {
		code = int(payload[0])<<8 | int(payload[1])
	}
	if code < 1000 || code >= 1004 && code <= 1006 || code > 1014 && code < 3000 || code > 4999 {
		return closeProtocol + "status code"
	}
	if !utf8.Valid(payload[2:]) {
		return closeInvalid + "reason that is not UTF-8"
	}
	return string(payload)
}

// send sends a message or a control frame, always as one frame.
func (c *webSocket) send(opcode byte, payload []byte) error {
	n := len(payload)
	head := []byte{0x80 | opcode, byte(n), 0, 0, 0, 0, 0, 0, 0, 0}
	extended := 0
	if n > 125 {
		head[1], extended = 126, 2
	}
	if n > 0xffff {
		head[1], extended = 127, 8
	}
	head = head[:2+extended]
	for i := len(head) - 1; i > 1; i-- {
		head[i] = byte(n)
		n >>= 8
	}
	c.conn.SetWriteDeadline(time.Now().Add(frameTime))
	c.out.Write(head)
	c.out.Write(payload)
	return c.out.Flush() // returns the error of a failed write, too
}
