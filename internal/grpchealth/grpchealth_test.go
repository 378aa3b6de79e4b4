package grpchealth_test

import (
	"crypto/tls"
	"encoding/binary"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"argserver/internal/grpchealth"
	"argserver/internal/response"
	"argserver/internal/servertest"
)

const healthCheck = "/grpc.health.v1.Health/Check"

// grpcMessage returns a message with its prefix.
func grpcMessage(message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))) + message
}

// callGRPC calls a method and returns its response, with grpc-status and grpc-message
// among the headers, wherever they came from.
func callGRPC(t *testing.T, client *http.Client, url, body string, headers ...string) servertest.Response {
	t.Helper()
	request, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return servertest.Do(t, client, request)
}

func TestGRPC(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "127.0.0.1")
	secure := servertest.Serve(t, nil, "ARGSERVER_TLS_CERT="+cert, "ARGSERVER_TLS_KEY="+key)
	var http2 http.Protocols
	http2.SetHTTP2(true)
	transport := &http.Transport{Protocols: &http2, TLSClientConfig: &tls.Config{RootCAs: authority.Pool}}
	t.Cleanup(transport.CloseIdleConnections)
	longest := "\x12\xfd\x1f" + strings.Repeat("x", 4093) // an unknown field 2 of 4093 bytes

	for _, s := range []struct {
		name, url string
		client    *http.Client
	}{
		{"without TLS", servertest.Serve(t, nil).URL, servertest.HTTP2Client(t)},
		{"with the echo", servertest.Serve(t, nil, "ARGSERVER_ECHO=1").URL, servertest.HTTP2Client(t)},
		{"with TLS", "https://" + secure.Addr, &http.Client{Transport: transport}},
	} {
		for _, c := range []struct {
			name, path, body string
			headers          []string
			status           string // grpc-status
			message          string // grpc-message
		}{
			{"the server", healthCheck, grpcMessage(""), nil, "0", ""},
			{"the server, spelled out", healthCheck, grpcMessage("\x0a\x00"), nil, "0", ""},
			{"the last service counts", healthCheck, grpcMessage("\x0a\x01a\x0a\x00"), nil, "0", ""},
			{"unknown fields", healthCheck, grpcMessage("\x10\xff\x01\x19eightbyt\x22\x02ab\x2dfour"), nil, "0", ""},
			{"longest message", healthCheck, grpcMessage(longest), nil, "0", ""},
			{"media type with a suffix", healthCheck, grpcMessage(""), []string{"Content-Type", "application/GRPC+proto"}, "0", ""},
			{"media type with a parameter", healthCheck, grpcMessage(""), []string{"Content-Type", "application/grpc; a=b"}, "0", ""},
			{"encoding announced and not used", healthCheck, grpcMessage(""), []string{"Grpc-Encoding", "gzip"}, "0", ""},
			{"another service", healthCheck, grpcMessage("\x0a\x01a"), nil, "5", "unknown service"},
			{"compressed", healthCheck, "\x01\x00\x00\x00\x01a", []string{"Grpc-Encoding", "gzip"}, "12", "compression"},
			{"compressed without an encoding", healthCheck, "\x01\x00\x00\x00\x01a", nil, "13", "want 0"},
			{"compressed with identity", healthCheck, "\x01\x00\x00\x00\x01a", []string{"Grpc-Encoding", "identity"}, "13", "want 0"},
			{"unknown flag", healthCheck, "\x02\x00\x00\x00\x00", []string{"Grpc-Encoding", "gzip"}, "13", "want 0"},
			{"too long", healthCheck, grpcMessage(longest + "\x0a\x00"), nil, "8", "at most 4096 bytes"},
			{"much too long", healthCheck, grpcMessage(strings.Repeat("\x0a\x00", 1<<20)), nil, "8", "at most 4096 bytes"},
			{"declared too long", healthCheck, "\x00\xff\xff\xff\xff", nil, "8", "at most 4096 bytes"},
			{"no message", healthCheck, "", nil, "13", "one message"},
			{"part of a prefix", healthCheck, "\x00\x00\x00\x00", nil, "13", "one message"},
			{"part of a message", healthCheck, "\x00\x00\x00\x00\x02\x0a", nil, "13", "length"},
			{"two messages", healthCheck, grpcMessage("") + grpcMessage(""), nil, "13", "length"},
			{"longest message and more", healthCheck, grpcMessage(longest) + strings.Repeat("x", 1<<20), nil, "13", "length"},
			{"no tag", healthCheck, grpcMessage("\x80"), nil, "13", "HealthCheckRequest"},
			{"field 0", healthCheck, grpcMessage("\x00\x00"), nil, "13", "HealthCheckRequest"},
			{"field too large", healthCheck, grpcMessage("\x80\x80\x80\x80\x10\x00"), nil, "13", "HealthCheckRequest"},
			{"a group", healthCheck, grpcMessage("\x13\x14"), nil, "13", "HealthCheckRequest"},
			{"no length", healthCheck, grpcMessage("\x0a"), nil, "13", "HealthCheckRequest"},
			{"endless varint", healthCheck, grpcMessage("\x10" + strings.Repeat("\xff", 11)), nil, "13", "HealthCheckRequest"},
			{"service longer than the message", healthCheck, grpcMessage("\x0a\x02a"), nil, "13", "HealthCheckRequest"},
			{"length of 64 bits", healthCheck, grpcMessage("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"), nil, "13", "HealthCheckRequest"},
			{"service that is not UTF-8", healthCheck, grpcMessage("\x0a\x01\xff"), nil, "13", "HealthCheckRequest"},
			{"Watch", "/grpc.health.v1.Health/Watch", grpcMessage(""), nil, "12", healthCheck},
			{"List", "/grpc.health.v1.Health/List", grpcMessage(""), nil, "12", healthCheck},
			{"another method", "/a.b.C/D", grpcMessage("\xff"), nil, "12", healthCheck},
			{"no method", "/", "", nil, "12", healthCheck},
			{"like an endpoint", "/args/0", "", nil, "12", healthCheck},
			{"method that is not clean", "//grpc.health.v1.Health/Check", "", nil, "12", healthCheck},
		} {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				a := callGRPC(t, s.client, s.url+c.path, c.body, c.headers...)
				want, body := a.Header, ""
				if c.status == "0" {
					want, body = a.Trailer, "\x00\x00\x00\x00\x02\x08\x01"
				}
				if a.Status != 200 || a.Header.Get("Content-Type") != "application/grpc" || a.Body != body {
					t.Errorf("got %d %s %q, want 200 application/grpc %q", a.Status, a.Header.Get("Content-Type"), a.Body, body)
				}
				if got := want["Grpc-Status"]; len(got) != 1 || got[0] != c.status || len(a.Header["Grpc-Status"])+len(a.Trailer["Grpc-Status"]) != 1 {
					t.Errorf("the headers are %v and the trailers %v, want grpc-status %s once", a.Header, a.Trailer, c.status)
				}
				if got := want.Get("Grpc-Message"); !strings.Contains(got, c.message) || (got == "") != (c.message == "") {
					t.Errorf("grpc-message is %q, want %q", got, c.message)
				}
			})
		}
	}
}

// What is no call of gRPC is an ordinary request.
func TestGRPCOrdinaryRequest(t *testing.T) {
	server := servertest.Serve(t, nil)
	for _, c := range []struct {
		name        string
		client      *http.Client
		path        string
		contentType string
		status      int
	}{
		{"HTTP/1.1", http.DefaultClient, healthCheck, "application/grpc", 405},
		{"gRPC-Web", servertest.HTTP2Client(t), healthCheck, "application/grpc-web", 405},
		{"another media type", servertest.HTTP2Client(t), healthCheck, "application/json", 405},
		{"/request", servertest.HTTP2Client(t), "/request", "application/grpc", 200},
		{"below /request", servertest.HTTP2Client(t), "/request/a", "application/grpc", 200},
	} {
		if a := callGRPC(t, c.client, server.URL+c.path, "", "Content-Type", c.contentType); a.Status != c.status || a.Header.Get("Content-Type") != response.TextPlain {
			t.Errorf("%s: got %d %s, want %d %s", c.name, a.Status, a.Header.Get("Content-Type"), c.status, response.TextPlain)
		}
	}
	request, err := http.NewRequest("GET", server.URL+healthCheck, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	if a := servertest.Do(t, servertest.HTTP2Client(t), request); a.Status != 404 {
		t.Errorf("GET %s = %d, want 404", healthCheck, a.Status)
	}
}

func TestGRPCWhileDraining(t *testing.T) {
	server := servertest.Serve(t, nil, "ARGSERVER_DRAIN=1h")
	server.Signals <- os.Interrupt
	for a := (servertest.Response{}); a.Status != 503; {
		a = servertest.Fetch(t, "GET", server.URL+"/readyz")
	}
	a := callGRPC(t, servertest.HTTP2Client(t), server.URL+healthCheck, grpcMessage(""))
	if want := "\x00\x00\x00\x00\x02\x08\x02"; a.Body != want || a.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %q and %v, want %q and grpc-status 0", a.Body, a.Trailer, want)
	}
	if a := callGRPC(t, servertest.HTTP2Client(t), server.URL+healthCheck, grpcMessage("\x0a\x01a")); a.Header.Get("Grpc-Status") != "5" {
		t.Errorf("for another service got %v, want grpc-status 5", a.Header)
	}
}

// FuzzGRPC checks that a parsed service is the one that was sent, and that other
// bodies get one of the expected errors.
func FuzzGRPC(f *testing.F) {
	f.Add([]byte(grpcMessage("")), "", "")
	f.Add([]byte(grpcMessage("\x0a\x01a\x10\xff\x01\x19eightbyt\x22\x02ab\x2dfour")), "gzip", "a.b.C")
	f.Add([]byte("\x01\x00\x00\x00\x00"), "identity", "\xff")
	f.Fuzz(func(t *testing.T, body []byte, encoding, service string) {
		status, problem := grpchealth.CheckHealth(body, encoding)
		if (status == grpchealth.OK) != (problem == "") {
			t.Errorf("status %s with the problem %q", status, problem)
		}
		switch status {
		case grpchealth.OK, grpchealth.NotFound:
			if body[0] != 0 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-5 || len(body) > 5+4096 {
				t.Errorf("accepts %q", body)
			}
			got, ok := grpchealth.HealthService(body[5:])
			if !ok || !utf8.ValidString(got) || !strings.Contains(string(body), got) || (got == "") != (status == grpchealth.OK) {
				t.Errorf("gets the service %q (%v) from %q with status %s", got, ok, body, status)
			}
			// The fields of two messages in a row are those of one message.
			if last, ok := grpchealth.HealthService([]byte(string(body[5:]) + "\x0a\x01a")); !ok || last != "a" {
				t.Errorf("after the fields of %q gets the service %q (%v), want a", body, last, ok)
			}
		case grpchealth.ResourceExhausted:
			if binary.BigEndian.Uint32(body[1:]) <= 4096 {
				t.Errorf("finds %q too long", body)
			}
		case grpchealth.Unimplemented:
			if body[0] != 1 || encoding == "" || encoding == "identity" {
				t.Errorf("finds %q with encoding %q compressed", body, encoding)
			}
		case grpchealth.Internal:
		default:
			t.Errorf("status %s", status)
		}

		field := append(binary.AppendUvarint([]byte{0x0a}, uint64(len(service))), service...)
		got, ok := grpchealth.HealthService(field)
		if ok != utf8.ValidString(service) || (ok && got != service) {
			t.Errorf("gets %q (%v), want the service %q", got, ok, service)
		}
	})
}
