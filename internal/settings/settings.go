// Package settings reads the configuration from the environment.
package settings

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Settings holds the configuration; README.md documents it.
type Settings struct {
	Addr            string      // host:port
	TLS             *tls.Config // nil to serve plain HTTP
	Env             []string    // names of the variables to show, only "*" for all, or nil for none
	AccessLog       string      // 1 for text, json, or empty for none
	Echo            bool        // respond to every path without an endpoint as /request does
	Drain           time.Duration
	ShutdownTimeout time.Duration
}

// Parse reads the settings from the environment and, if readFiles is set, the
// TLS files that they name; without, TLS only tells whether the server uses TLS.
// Its error names every invalid setting, with its value and what would be valid.
func Parse(environ []string, readFiles bool) (Settings, error) {
	variables := make(map[string]string)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	s := Settings{Addr: ":8080", ShutdownTimeout: 8 * time.Second}
	var problems []string
	invalid := func(name, want string) {
		problems = append(problems, fmt.Sprintf("%s=%q: want %s", name, variables[name], want))
	}

	if addr := variables["ARGSERVER_ADDR"]; addr != "" {
		s.Addr = addr
		if _, port, err := net.SplitHostPort(addr); err != nil || !isPort(port) {
			invalid("ARGSERVER_ADDR", "host:port with a port from 0 to 65535, such as :8080 or [::1]:8080")
		}
	} else if port := variables["PORT"]; port != "" {
		s.Addr = ":" + port
		if !isPort(port) {
			invalid("PORT", "a number from 0 to 65535, such as 8080")
		}
	}

	duration := func(name string, value *time.Duration) {
		if text := variables[name]; text != "" {
			var err error
			if *value, err = time.ParseDuration(text); err != nil || *value < 0 {
				invalid(name, "a duration of 0s or more, such as 8s or 1m30s")
			}
		}
	}
	duration("ARGSERVER_DRAIN", &s.Drain)
	duration("ARGSERVER_SHUTDOWN_TIMEOUT", &s.ShutdownTimeout)

	switch variables["ARGSERVER_ACCESS_LOG"] {
	case "", "0":
	case "1", "json":
		s.AccessLog = variables["ARGSERVER_ACCESS_LOG"]
	default:
		invalid("ARGSERVER_ACCESS_LOG", "1 for an access log as text, json for one as JSON, or 0 for none")
	}

	switch variables["ARGSERVER_ECHO"] {
	case "", "0":
	case "1":
		s.Echo = true
	default:
		invalid("ARGSERVER_ECHO", "1 to show the request at every path, or 0 not to")
	}

	if list := variables["ARGSERVER_ENV"]; list != "" {
		s.Env = strings.Split(list, ",")
		for i, name := range s.Env {
			s.Env[i] = strings.TrimSpace(name)
			if s.Env[i] == "" || strings.Contains(name, "=") || (len(s.Env) > 1 && s.Env[i] == "*") {
				invalid("ARGSERVER_ENV", "comma-separated variable names, such as HOME,PATH, or * for all")
				break
			}
		}
	}

	cert, key, clientCA := variables["ARGSERVER_TLS_CERT"], variables["ARGSERVER_TLS_KEY"], variables["ARGSERVER_TLS_CLIENT_CA"]
	switch {
	case cert != "" && key != "" && !readFiles:
		s.TLS = new(tls.Config)
	case cert != "" && key != "":
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			invalid("ARGSERVER_TLS_CERT", "the path of a PEM certificate")
			invalid("ARGSERVER_TLS_KEY", fmt.Sprintf("the path of its PEM key: %v%s", err, whose(err)))
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	case cert != "":
		invalid("ARGSERVER_TLS_CERT", "ARGSERVER_TLS_KEY set as well")
	case key != "":
		invalid("ARGSERVER_TLS_KEY", "ARGSERVER_TLS_CERT set as well")
	case clientCA != "":
		invalid("ARGSERVER_TLS_CLIENT_CA", "ARGSERVER_TLS_CERT and ARGSERVER_TLS_KEY set as well")
	}
	if clientCA != "" && s.TLS != nil && readFiles {
		s.TLS.ClientAuth = tls.VerifyClientCertIfGiven
		s.TLS.ClientCAs = x509.NewCertPool()
		pem, err := os.ReadFile(clientCA)
		if err == nil && !s.TLS.ClientCAs.AppendCertsFromPEM(pem) {
			err = errors.New("the file contains no certificate")
		}
		if err != nil {
			invalid("ARGSERVER_TLS_CLIENT_CA", fmt.Sprintf("the path of PEM CA certificates: %v%s", err, whose(err)))
		}
	}

	if problems != nil {
		return Settings{}, errors.New(strings.Join(problems, "; "))
	}
	return s, nil
}

// whose says whose permission is missing: in a container that is often not the user who
// owns the file.
func whose(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return " for user " + strconv.Itoa(os.Getuid())
	}
	return ""
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
