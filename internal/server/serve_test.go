package server_test

import (
	"net"
	"strings"
	"testing"

	"argserver/internal/probe"
	"argserver/internal/server"
	"argserver/internal/servertest"
)

func TestInvalidSettings(t *testing.T) {
	environ := []string{"PORT=http", "ARGSERVER_DRAIN=soon"}
	var log strings.Builder
	if status := server.Serve(nil, environ, nil, nil, &log); status != 2 {
		t.Errorf("the server exits with %d, want 2", status)
	}
	servertest.WantOneLine(t, log.String(), `PORT="http": want `, `ARGSERVER_DRAIN="soon": want `)

	log.Reset()
	if status := probe.Run(environ, net.DialTimeout, &log); status != 1 {
		t.Errorf("the health check exits with %d, want 1", status)
	}
	servertest.WantOneLine(t, log.String(), `PORT="http": want `, `ARGSERVER_DRAIN="soon": want `)
}

func TestAddressInUse(t *testing.T) {
	listener := servertest.Listen(t)
	var log strings.Builder
	if status := server.Serve(nil, []string{"ARGSERVER_ADDR=" + listener.Addr().String()}, nil, nil, &log); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	servertest.WantOneLine(t, log.String(), listener.Addr().String(), "set another, such as ARGSERVER_ADDR=:9090")
}
