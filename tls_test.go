package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each protocol, with TLS and without, and each kind of client certificate.
func TestProtocols(t *testing.T) {
	authority := newAuthority(t)
	cert, key := authority.issue(t, "127.0.0.1")
	plain := serveTest(t, nil)
	secure := serveTest(t, nil, "ARGSERVER_TLS_CERT="+cert, "ARGSERVER_TLS_KEY="+key, "ARGSERVER_TLS_CLIENT_CA="+authority.path)
	clientCert, clientKey := authority.issue(t, "a client\nof mine")
	strangerCert, strangerKey := newAuthority(t).issue(t, "a stranger")

	var http1, http2, unencryptedHTTP2 http.Protocols
	http1.SetHTTP1(true)
	http2.SetHTTP2(true)
	unencryptedHTTP2.SetUnencryptedHTTP2(true)
	for _, c := range []struct {
		name      string
		url       string
		protocols http.Protocols
		cert, key string
		proto     string // empty if refused
		facts     map[string]string
	}{
		{"HTTP/1.1", "http://" + plain.addr, http1, "", "", "HTTP/1.1", map[string]string{"tls": "", "cipher": "", "client": ""}},
		{"HTTP/2", "http://" + plain.addr, unencryptedHTTP2, "", "", "HTTP/2.0", map[string]string{"tls": ""}},
		{"HTTP/1.1 with TLS", "https://" + secure.addr, http1, "", "", "HTTP/1.1", map[string]string{"tls": "TLS 1.3", "client": ""}},
		{"HTTP/2 with TLS", "https://" + secure.addr, http2, "", "", "HTTP/2.0", map[string]string{"tls": "TLS 1.3", "cipher": "TLS_AES_128_GCM_SHA256"}},
		{"client certificate", "https://" + secure.addr, http2, clientCert, clientKey, "HTTP/2.0", map[string]string{"client": "CN=a client\nof mine"}},
		{"unknown client certificate", "https://" + secure.addr, http1, strangerCert, strangerKey, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &tls.Config{RootCAs: authority.pool}
			if c.cert != "" {
				pair, err := tls.LoadX509KeyPair(c.cert, c.key)
				if err != nil {
					t.Fatal(err)
				}
				config.Certificates = []tls.Certificate{pair}
				// Without this it would keep a certificate that the server does not want.
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
			transport := &http.Transport{Protocols: &c.protocols, TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: patience}
			response, err := client.Get(c.url + "/request?format=json")
			if c.proto == "" {
				if err == nil {
					response.Body.Close()
					t.Error("accepted, want it refused")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var facts map[string]any
			if err := json.NewDecoder(response.Body).Decode(&facts); err != nil {
				t.Fatal(err)
			}
			if response.Proto != c.proto || facts["protocol"] != c.proto {
				t.Errorf("answered in %s, and shows %v, want %s", response.Proto, facts["protocol"], c.proto)
			}
			for name, want := range c.facts {
				if got, _ := facts[name].(string); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if c.facts["client"] == "" {
				return
			}
			request, err := http.NewRequest("GET", c.url+"/request", nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := do(t, client, request).body; !strings.Contains(text, `client "CN=a client\nof mine"`+"\n") {
				t.Errorf("as text the client is not quoted in a line of its own:\n%s", text)
			}
		})
	}

	// Only prior knowledge: who asks for an upgrade stays with HTTP/1.1.
	if a := fetch(t, "GET", plain.url+"/healthz", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"); a.status != 200 || a.proto != "HTTP/1.1" {
		t.Errorf("an upgrade to h2c is answered with %d in %s, want 200 in HTTP/1.1", a.status, a.proto)
	}
}

// Over HTTP/2 as well a request in flight is finished.
func TestShutdownHTTP2(t *testing.T) {
	server := serveTest(t, nil, "ARGSERVER_SHUTDOWN_TIMEOUT=1m")
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}, Timeout: patience}

	wrote := make(chan httptrace.WroteRequestInfo, 1)
	answered := make(chan answer, 1)
	go func() {
		request, err := http.NewRequest("GET", server.url+"/request?wait=1s", nil)
		if err != nil {
			panic(err)
		}
		trace := &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) { wrote <- info }}
		answered <- do(t, client, request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	}()
	<-wrote
	// The server has the first request when it has answered a second one of the
	// same connection.
	request, err := http.NewRequest("GET", server.url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	do(t, client, request)
	server.signals <- os.Interrupt
	if a := <-answered; a.status != 200 || a.proto != "HTTP/2.0" {
		t.Errorf("the request in flight got %d in %s, want 200 in HTTP/2.0", a.status, a.proto)
	}
	server.wantExit(t, 0, "stopped on signal")
}

// Over HTTP/2 as well a connection is told to close while the server drains:
// sooner or later a request goes over another one.
func TestDrainHTTP2(t *testing.T) {
	server := serveTest(t, nil, "ARGSERVER_DRAIN=1h")
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	get := func() (status int, reused bool) {
		request, err := http.NewRequest("GET", server.url+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
		return do(t, client, request.WithContext(httptrace.WithClientTrace(request.Context(), trace))).status, reused
	}
	get()
	if _, reused := get(); !reused {
		t.Fatal("before the signal a connection is not used again")
	}
	server.signals <- os.Interrupt
	for deadline := time.Now().Add(patience); ; {
		if status, reused := get(); status == 503 && !reused {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("while draining a connection is still used again")
		}
	}
}

// An authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
	path        string // of its certificate, as PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.certificate)
	a.path = writePEM(t, "CERTIFICATE", der)
	return a
}

// issue writes a certificate for a server or a client, and its key, to files.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	private := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "CERTIFICATE", der), writePEM(t, "PRIVATE KEY", privateDER)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
