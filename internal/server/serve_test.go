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
	for _, c := range servertest.InvalidSettings(t) {
		t.Run(strings.Join(c.Environ, " "), func(t *testing.T) {
			var log strings.Builder
			if status := server.Serve(nil, c.Environ, nil, nil, &log); status != 2 {
				t.Errorf("the server exits with %d, want 2", status)
			}
			servertest.WantOneLine(t, log.String(), c.Says...)

			log.Reset()
			if status := probe.Run(c.Environ, net.DialTimeout, &log); status != 1 {
				t.Errorf("the probe exits with %d, want 1", status)
			}
			servertest.WantOneLine(t, log.String(), c.Says...)
		})
	}
}

func TestInvalidFiles(t *testing.T) {
	for _, c := range servertest.InvalidFiles(t) {
		t.Run(strings.Join(c.Environ, " "), func(t *testing.T) {
			var log strings.Builder
			if status := server.Serve(nil, c.Environ, nil, nil, &log); status != 2 {
				t.Errorf("the server exits with %d, want 2", status)
			}
			servertest.WantOneLine(t, log.String(), c.Says...)
		})
	}
}

func TestAddressInUse(t *testing.T) {
	listener := servertest.Listen(t)
	var log strings.Builder
	if status := server.Serve(nil, []string{"ARGSERVER_ADDR=" + listener.Addr().String()}, nil, nil, &log); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	servertest.WantOneLine(t, log.String(), listener.Addr().String(), "ARGSERVER_ADDR or PORT")
}
