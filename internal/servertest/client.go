package servertest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Patience limits every wait, so that a test fails instead of hanging.
const Patience = time.Minute

// Dial opens a connection and closes it when the test ends.
func Dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(Patience))
	return conn
}

// Exchange sends bytes over a new connection and returns the response. Its body is
// not read yet.
func Exchange(t *testing.T, addr, sent string) *http.Response {
	t.Helper()
	conn := Dial(t, addr)
	io.WriteString(conn, sent)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// Listen listens on a free port until the test ends.
func Listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// A Response is a response whose body has been read.
type Response struct {
	Status  int
	Header  http.Header
	Body    string
	Closed  bool // the server closes the connection
	Proto   string
	Trailer http.Header
}

// Fetch sends a request. Its headers alternate between name and value.
func Fetch(t *testing.T, method, url string, headers ...string) Response {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return Do(t, http.DefaultClient, request)
}

// HTTP2Client returns a client for HTTP/2 without TLS. It keeps to one connection
// while the server keeps that open.
func HTTP2Client(t *testing.T) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func Do(t *testing.T, client *http.Client, request *http.Request) Response {
	t.Helper()
	bounded := *client
	bounded.Timeout = Patience
	response, err := bounded.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{response.StatusCode, response.Header, string(body), response.Close, response.Proto, response.Trailer}
}
