package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// patience limits every wait, so that a test fails instead of hanging.
const patience = time.Minute

// dial opens a connection and closes it when the test ends.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// exchange sends bytes over a new connection and returns the response. Its body is
// not read yet.
func exchange(t *testing.T, addr, sent string) *http.Response {
	t.Helper()
	conn := dial(t, addr)
	io.WriteString(conn, sent)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// listen listens on a free port until the test ends.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// An answer is a response whose body has been read.
type answer struct {
	status  int
	header  http.Header
	body    string
	closed  bool // the server closes the connection
	proto   string
	trailer http.Header
}

// fetch sends a request. Its headers alternate between name and value.
func fetch(t *testing.T, method, url string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return do(t, http.DefaultClient, request)
}

// http2Client returns a client for HTTP/2 without TLS. It keeps to one connection
// while the server keeps that open.
func http2Client(t *testing.T) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func do(t *testing.T, client *http.Client, request *http.Request) answer {
	t.Helper()
	bounded := *client
	bounded.Timeout = patience
	response, err := bounded.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body), response.Close, response.Proto, response.Trailer}
}
