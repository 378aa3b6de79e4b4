// Package download reads files and other answers over HTTP, with three tries each.
package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

// ErrNotFound is what Get returns for the status 404.
var ErrNotFound = errors.New("404 Not Found")

// Get returns the content of a URL. A status other than 200 is an error.
func Get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return io.ReadAll(response.Body)
	case http.StatusNotFound:
		return nil, fmt.Errorf("GET %s: %w", url, ErrNotFound)
	default:
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
}

// Client is a client with Transport.
var Client = &http.Client{Transport: Transport}

// Transport tries each GET request three times: a server may be overloaded, and a
// connection may break, even in the middle of an answer. Each retry is logged.
var Transport http.RoundTripper = retrying{}

// Waits are the delays between the tries. Tests shorten them.
var Waits = []time.Duration{2 * time.Second, 10 * time.Second}

var logger = log.New(os.Stderr, "", log.Ltime)

type retrying struct{}

func (retrying) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet {
		return http.DefaultTransport.RoundTrip(request)
	}
	ctx := request.Context()
	for try := 0; ; try++ {
		response, err := get(request)
		problem := ""
		switch {
		case err != nil:
			problem = err.Error()
		case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError:
			problem = response.Status
		}
		if problem == "" || try == len(Waits) || ctx.Err() != nil {
			return response, err
		}
		// The query of a URL may hold a credential.
		url := *request.URL
		url.RawQuery = ""
		logger.Printf("GET %s: %s: try %d of %d follows in %s", &url, problem, try+2, len(Waits)+1, Waits[try])
		select {
		case <-time.After(Waits[try]):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// get sends a request and reads the whole answer.
func get(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response, nil
}
