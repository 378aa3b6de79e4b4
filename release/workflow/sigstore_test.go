package workflow

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argserver/release/internal/download"
	"argserver/release/internal/must"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// A sigstore is a real Sigstore on this machine: the certificate authority Fulcio
// with the configuration of the public one, its log of certificates, the log of
// signatures Rekor, and a timestamp authority. Signing and verifying need no flag
// more than with the public one. Only GitHub's issuer of identity tokens is a
// stand-in.
type sigstore struct {
	issuer *issuer
	// trust are the environment variables that make cosign trust this Sigstore in
	// place of the public one.
	trust map[string]string
}

// buildPrograms returns a folder with the programs of the stories: those that
// release/tools pins, the stand-in for actions/attest, and verify.
func buildPrograms(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, pkg := range map[string]string{
		"act":       "github.com/nektos/act",
		"cosign":    "github.com/sigstore/cosign/v3/cmd/cosign",
		"fulcio":    "github.com/sigstore/fulcio",
		"rekor":     "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix",
		"tesseract": "github.com/transparency-dev/tesseract/cmd/tesseract/posix",
	} {
		// Go keeps the program for the next test.
		if err := os.Symlink(must.Run(t, "../tools", "go", "tool", "-n", pkg), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	must.Run(t, "../tools", "go", "build", "-o="+folder, "./timestamp-server")
	must.Run(t, "..", "go", "build", "-o="+folder, "./standin/actions/actions/attest", "./verify")
	return folder
}

// startSigstore starts a Sigstore that ends with the test, from the programs in a
// folder.
func startSigstore(t *testing.T, programs string) *sigstore {
	t.Helper()
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	s := &sigstore{issuer: startIssuer(t, path("issuer.pem"))}

	program := func(name string, args ...string) *exec.Cmd {
		return exec.Command(filepath.Join(programs, name), args...)
	}
	ports := must.FreePorts(t, 8)
	address := func(i int) string { return "http://127.0.0.1:" + ports[i] }
	log, fulcio, rekor, timestamps := address(0), address(1), address(2), address(3)

	// The public configuration names more issuers. Fulcio cannot reach them, and logs
	// that.
	module := must.Run(t, "../tools", "go", "list", "-m", "-f={{ .Dir }}", "github.com/sigstore/fulcio")
	cmd := program("fulcio", "serve", "--config-path="+module+"/config/identity/config.yaml", "--ca=ephemeralca", "--ct-log-url="+log, "--log_type=prod",
		"--host=127.0.0.1", "--port="+ports[1], "--grpc-host=127.0.0.1", "--grpc-port="+ports[4], "--metrics-port="+ports[5],
		"--legacy-unix-domain-socket="+path("fulcio.sock"))
	cmd.Env = append(os.Environ(), "HTTPS_PROXY="+s.issuer.proxy, "SSL_CERT_FILE="+path("issuer.pem"))
	var bundle struct {
		Chains []struct{ Certificates []string }
	}
	if err := json.Unmarshal(startServer(t, fulcio+"/api/v2/trustBundle", cmd), &bundle); err != nil || len(bundle.Chains) != 1 {
		t.Fatalf("Fulcio's trust bundle is %+v (%v), want one chain", bundle, err)
	}
	must.Write(t, path("fulcio.pem"), strings.Join(bundle.Chains[0].Certificates, ""))

	writeKey(t, path("log"))
	startServer(t, log+"/ct/v1/get-roots", program("tesseract", "--http_endpoint=127.0.0.1:"+ports[0], "--origin=localhost", "--private_key="+path("log.key"),
		"--roots_pem_file="+path("fulcio.pem"), "--storage_dir="+path("log"), "--checkpoint_interval=200ms"))

	writeKey(t, path("rekor"))
	startServer(t, rekor+"/healthz", program("rekor", "serve", "--hostname=127.0.0.1", "--http-port="+ports[2], "--grpc-port="+ports[6], "--http-metrics-port="+ports[7],
		"--signer-filepath="+path("rekor.key"), "--storage-dir="+path("rekor"), "--checkpoint-interval=200ms"))

	must.Write(t, path("timestamps.pem"), string(startServer(t, timestamps+"/api/v1/timestamp/certchain", program("timestamp-server", ports[3]))))

	cosign, since := filepath.Join(programs, "cosign"), ",start-time=2020-01-01T00:00:00Z"
	must.Run(t, ".", cosign, "trusted-root", "create", "--out="+path("trusted_root.json"),
		"--fulcio=url="+fulcio+",certificate-chain="+path("fulcio.pem"),
		"--ctfe=url="+log+",public-key="+path("log.pub")+since,
		"--rekor=url="+rekor+",public-key="+path("rekor.pub")+",origin=127.0.0.1"+since,
		"--tsa=url="+timestamps+"/api/v1/timestamp,certificate-chain="+path("timestamps.pem"))
	since += ",operator=test"
	must.Run(t, ".", cosign, "signing-config", "create", "--out="+path("signing_config.v0.2.json"),
		"--fulcio=url="+fulcio+",api-version=1"+since,
		"--rekor=url="+rekor+",api-version=2"+since, "--rekor-config=ANY",
		"--tsa=url="+timestamps+"/api/v1/timestamp,api-version=1"+since, "--tsa-config=ANY")
	s.trust = startUpdates(t, path("trusted_root.json"), path("signing_config.v0.2.json"))
	return s
}

// startUpdates serves files as targets of a TUF repository, as Sigstore serves its
// public keys, and returns the environment variables that make cosign use it.
func startUpdates(t *testing.T, targets ...string) map[string]string {
	t.Helper()
	folder, expires := t.TempDir(), time.Now().AddDate(1, 0, 0)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signature.LoadSigner(private, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	key, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	root, list := metadata.Root(expires), metadata.Targets(expires)
	root.Signed.ConsistentSnapshot = false
	for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
		if err := root.Signed.AddKey(key, role); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range targets {
		name := filepath.Base(target)
		must.Write(t, filepath.Join(folder, "targets", name), must.Read(t, target))
		if list.Signed.Targets[name], err = metadata.TargetFile().FromFile(target, "sha256"); err != nil {
			t.Fatal(err)
		}
	}
	writeMetadata(t, folder, "root", root, signer)
	writeMetadata(t, folder, "targets", list, signer)
	writeMetadata(t, folder, "snapshot", metadata.Snapshot(expires), signer)
	writeMetadata(t, folder, "timestamp", metadata.Timestamp(expires), signer)
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	return map[string]string{
		"TUF_MIRROR":    server.URL,
		"TUF_ROOT_JSON": filepath.Join(folder, "root.json"),
		"TUF_ROOT":      t.TempDir(),
	}
}

func writeMetadata[T metadata.Roles](t *testing.T, folder, role string, m *metadata.Metadata[T], signer signature.Signer) {
	t.Helper()
	if _, err := m.Sign(signer); err != nil {
		t.Fatal(err)
	}
	if err := m.ToFile(filepath.Join(folder, role+".json"), false); err != nil {
		t.Fatal(err)
	}
}

// gitHubIssuer is the name of GitHub's issuer of identity tokens.
const gitHubIssuer = "https://token.actions.githubusercontent.com"

// An issuer is a stand-in for GitHub's issuer of identity tokens, under its real
// name: Fulcio reaches it through a proxy.
type issuer struct {
	tokens string // URL of the endpoint that a job gets its tokens from
	proxy  string // URL
}

// startIssuer writes the certificate of the issuer into a file.
// https://docs.github.com/en/actions/reference/security/oidc
func startIssuer(t *testing.T, certificate string) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(gitHubIssuer, "https://")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	must.Write(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))

	encode := base64.RawURLEncoding.EncodeToString
	public := http.NewServeMux()
	public.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"issuer": gitHubIssuer, "jwks_uri": gitHubIssuer + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"}})
	})
	public.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}}})
	})
	server := httptest.NewUnstartedServer(public)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)

	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != host+":443" {
			http.Error(w, "there is no way to "+r.Host, http.StatusBadGateway)
			return
		}
		there, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		here, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			there.Close()
			return
		}
		go func() { io.Copy(there, buffer); there.Close() }()
		go func() { io.Copy(here, there); here.Close() }()
	}))
	t.Cleanup(proxy.Close)

	// The query says who asks. On GitHub the server knows that.
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Authorization"), "Bearer "+token) {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		q := r.URL.Query()
		owner, _, _ := strings.Cut(q.Get("repository"), "/")
		claims, _ := json.Marshal(map[string]any{
			"iss": gitHubIssuer, "aud": q.Get("audience"), "sub": "repo:" + q.Get("repository") + ":ref:" + q.Get("ref"),
			"iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
			"repository": q.Get("repository"), "repository_id": "1", "repository_visibility": "public",
			"repository_owner": owner, "repository_owner_id": "2", "actor": "somebody", "actor_id": "3",
			"ref": q.Get("ref"), "ref_type": "tag", "sha": q.Get("sha"), "event_name": "push", "workflow": "release",
			"workflow_ref": q.Get("repository") + "/.github/workflows/release.yml@" + q.Get("ref"), "workflow_sha": q.Get("sha"),
			"job_workflow_ref": q.Get("job"), "job_workflow_sha": q.Get("sha"),
			"run_id": "1", "run_number": "1", "run_attempt": "1", "runner_environment": "github-hosted",
		})
		text := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`)) + "." + encode(claims)
		sum := sha256.Sum256([]byte(text))
		signed, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"value": text + "." + encode(signed)})
	}))
	t.Cleanup(tokens.Close)
	return &issuer{tokens.URL, proxy.URL}
}

// A signer is a job that gets a certificate from Sigstore: its repository, the ref that
// the repository's release.yml runs for, and the workflow that contains the job.
type signer struct{ repository, ref, job string }

// identity returns the environment variables with which GitHub lets a job get
// identity tokens.
func (s *sigstore) identity(by signer, commit string) map[string]string {
	query := url.Values{"repository": {by.repository}, "ref": {by.ref}, "job": {by.job}, "sha": {commit}}
	return map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL":   s.issuer.tokens + "/?" + query.Encode(),
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": token,
	}
}

// writeKey writes a new private key into path.key, and its public key into
// path.pub.
func writeKey(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	must.Write(t, path+".key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})))
	must.Write(t, path+".pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
}

// startServer runs a server until the test ends, and returns what it answers at a
// URL as soon as it does. If the test fails, it shows the end of the server's log.
func startServer(t *testing.T, url string, cmd *exec.Cmd) []byte {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s logged last: %s", cmd.Path, log.Bytes()[max(0, log.Len()-2000):])
		}
	})
	var got string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("%s ended with %s before it answered", cmd.Path, cmd.ProcessState)
		default:
		}
		content, err := download.Get(t.Context(), url)
		if err == nil {
			return content
		}
		got = err.Error()
	}
	t.Fatalf("%s did not answer within a minute: %s", cmd.Path, got)
	return nil
}
