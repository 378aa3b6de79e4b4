package server_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"argserver/internal/servertest"
)

// TestProtocols tries each protocol, with TLS and without, and each kind of client
// certificate.
func TestProtocols(t *testing.T) {
	authority := servertest.NewAuthority(t)
	cert, key := authority.Issue(t, "127.0.0.1")
	plain := servertest.Serve(t, nil)
	secure := servertest.Serve(t, nil, "ARGSERVER_TLS_CERT="+cert, "ARGSERVER_TLS_KEY="+key, "ARGSERVER_TLS_CLIENT_CA="+authority.Path)
	clientCert, clientKey := authority.Issue(t, "a client\nof mine")
	strangerCert, strangerKey := servertest.NewAuthority(t).Issue(t, "a stranger")

	var http1, http2, unencryptedHTTP2 http.Protocols
	http1.SetHTTP1(true)
	http2.SetHTTP2(true)
	unencryptedHTTP2.SetUnencryptedHTTP2(true)
	for _, c := range []struct {
		name      string
		url       string
		protocols http.Protocols
		cert, key string
		proto     string // empty if the server refuses the client
		shown     map[string]string
	}{
		{"HTTP/1.1", "http://" + plain.Addr, http1, "", "", "HTTP/1.1", map[string]string{"tls": "", "cipher": "", "client": ""}},
		{"HTTP/2", "http://" + plain.Addr, unencryptedHTTP2, "", "", "HTTP/2.0", map[string]string{"tls": ""}},
		{"HTTP/1.1 with TLS", "https://" + secure.Addr, http1, "", "", "HTTP/1.1", map[string]string{"tls": "TLS 1.3", "client": ""}},
		{"HTTP/2 with TLS", "https://" + secure.Addr, http2, "", "", "HTTP/2.0", map[string]string{"tls": "TLS 1.3", "cipher": "TLS_AES_128_GCM_SHA256"}},
		{"client certificate", "https://" + secure.Addr, http2, clientCert, clientKey, "HTTP/2.0", map[string]string{"client": "CN=a client\nof mine"}},
		{"unknown client certificate", "https://" + secure.Addr, http1, strangerCert, strangerKey, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &tls.Config{RootCAs: authority.Pool}
			if c.cert != "" {
				pair, err := tls.LoadX509KeyPair(c.cert, c.key)
				if err != nil {
					t.Fatal(err)
				}
				config.Certificates = []tls.Certificate{pair}
				// The client would otherwise withhold a certificate from another CA.
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
			transport := &http.Transport{Protocols: &c.protocols, TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: servertest.Patience}
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
			var shown map[string]any
			if err := json.NewDecoder(response.Body).Decode(&shown); err != nil {
				t.Fatal(err)
			}
			if response.Proto != c.proto || shown["protocol"] != c.proto {
				t.Errorf("answered in %s and reports %v, want %s", response.Proto, shown["protocol"], c.proto)
			}
			for name, want := range c.shown {
				if got, _ := shown[name].(string); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if c.shown["client"] == "" {
				return
			}
			request, err := http.NewRequest("GET", c.url+"/request", nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := servertest.Do(t, client, request).Body; !strings.Contains(text, `client "CN=a client\nof mine"`+"\n") {
				t.Errorf("the text lacks a line with the quoted client:\n%s", text)
			}
		})
	}

	// HTTP/2 without TLS needs prior knowledge: a request to upgrade stays in HTTP/1.1.
	if a := servertest.Fetch(t, "GET", plain.URL+"/healthz", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"); a.Status != 200 || a.Proto != "HTTP/1.1" {
		t.Errorf("a request to upgrade to h2c got %d in %s, want 200 in HTTP/1.1", a.Status, a.Proto)
	}
}
