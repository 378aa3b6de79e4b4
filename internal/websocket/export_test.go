package websocket

import (
	"bufio"
	"io"
	"net"
)

// The tests are a package of their own, which a server for tests may import.
const (
	CloseTime      = closeTime
	FrameTime      = frameTime
	MaxMessage     = maxMessage
	MessageTime    = messageTime
	OpBinary       = opBinary
	OpClose        = opClose
	OpContinuation = opContinuation
	OpPing         = opPing
	OpPong         = opPong
	OpText         = opText
	WebSocketIdle  = webSocketIdle
)

var SameHost = sameHost

// Echo echoes what is in a stream, then sends the Close frame, unless the stream ended
// without a reason for one.
func (s *Server) Echo(conn net.Conn, in io.Reader, out io.Writer) {
	c := webSocket{Server: s, conn: conn, in: bufio.NewReader(in), out: bufio.NewWriter(out)}
	closing := c.echo()
	c.forget()
	if closing != closeGoingAway { // which a read after the end returns
		c.send(opClose, []byte(closing))
	}
}
