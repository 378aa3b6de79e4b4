package product_test

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"testing"

	"argserver/release/internal/must"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// testGRPC asks for the health with the client of grpc-go, with TLS and without.
func testGRPC(t *testing.T, binary string) {
	dir := t.TempDir()
	must.Run(t, dir, "openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost",
		"-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(must.Read(t, dir, "cert.pem")))
	for _, c := range []struct {
		name        string
		environ     []string
		credentials credentials.TransportCredentials
	}{
		{"plain", nil, insecure.NewCredentials()},
		{"TLS", []string{"ARGSERVER_TLS_CERT=" + filepath.Join(dir, "cert.pem"), "ARGSERVER_TLS_KEY=" + filepath.Join(dir, "key.pem")},
			credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "localhost"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := start(t, binary, nil, append(c.environ, "ARGSERVER_ADDR=127.0.0.1:0", "ARGSERVER_ECHO=1")...)
			conn, err := grpc.NewClient(server.Address, grpc.WithTransportCredentials(c.credentials))
			if err != nil {
				t.Fatal(err)
			}
			client := health.NewHealthClient(conn)
			answer, err := client.Check(t.Context(), &health.HealthCheckRequest{})
			if err != nil || answer.Status != health.HealthCheckResponse_SERVING {
				t.Errorf("the server is %v (%v), want SERVING", answer.GetStatus(), err)
			}
			if _, err := client.Check(t.Context(), &health.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
				t.Errorf("the check of another service ends with %v, want NotFound", err)
			}
			watch, err := client.Watch(t.Context(), &health.HealthCheckRequest{})
			if err == nil {
				_, err = watch.Recv()
			}
			if status.Code(err) != codes.Unimplemented {
				t.Errorf("another method ends with %v, want Unimplemented", err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			if err := server.Stop(0); err != nil {
				t.Error(err)
			}
		})
	}
}
