package settings_test

import (
	"reflect"
	"testing"
	"time"

	"argserver/internal/settings"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		want    settings.Settings
	}{
		{"none", nil, settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"empty", []string{"ARGSERVER_ADDR=", "PORT=", "ARGSERVER_TLS_CERT=", "ARGSERVER_TLS_KEY=", "ARGSERVER_TLS_CLIENT_CA=",
			"ARGSERVER_ENV=", "ARGSERVER_ECHO=", "ARGSERVER_ACCESS_LOG=", "ARGSERVER_DRAIN=", "ARGSERVER_SHUTDOWN_TIMEOUT="},
			settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"port", []string{"PORT=80"}, settings.Settings{Addr: ":80", ShutdownTimeout: 8 * time.Second}},
		{"address before port", []string{"ARGSERVER_ADDR=[::1]:0", "PORT=http"}, settings.Settings{Addr: "[::1]:0", ShutdownTimeout: 8 * time.Second}},
		{"durations", []string{"ARGSERVER_DRAIN=250ms", "ARGSERVER_SHUTDOWN_TIMEOUT=1m30s"},
			settings.Settings{Addr: ":8080", Drain: 250 * time.Millisecond, ShutdownTimeout: 90 * time.Second}},
		{"access log", []string{"ARGSERVER_ACCESS_LOG=1"}, settings.Settings{Addr: ":8080", AccessLog: "1", ShutdownTimeout: 8 * time.Second}},
		{"access log as JSON", []string{"ARGSERVER_ACCESS_LOG=json"}, settings.Settings{Addr: ":8080", AccessLog: "json", ShutdownTimeout: 8 * time.Second}},
		{"no access log", []string{"ARGSERVER_ACCESS_LOG=0"}, settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"echo", []string{"ARGSERVER_ECHO=1"}, settings.Settings{Addr: ":8080", Echo: true, ShutdownTimeout: 8 * time.Second}},
		{"no echo", []string{"ARGSERVER_ECHO=0"}, settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
		{"variables", []string{"ARGSERVER_ENV=HOME, PATH"}, settings.Settings{Addr: ":8080", Env: []string{"HOME", "PATH"}, ShutdownTimeout: 8 * time.Second}},
		{"all variables", []string{"ARGSERVER_ENV=*"}, settings.Settings{Addr: ":8080", Env: []string{"*"}, ShutdownTimeout: 8 * time.Second}},
		// A Service named argserver makes Kubernetes set these in every pod.
		{"of a Service", []string{"ARGSERVER_PORT=tcp://10.0.0.1:80", "ARGSERVER_SERVICE_HOST=10.0.0.1", "ARGSERVER_PORT_80_TCP_ADDR=10.0.0.1"},
			settings.Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := settings.Parse(c.environ, true)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}
