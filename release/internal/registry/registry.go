// Package registry talks to a registry of images as the commands need it.
package registry

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// retried are the statuses that a registry answers with when it is overloaded or
// restarting. GHCR has also been seen to answer a read with 303 and no Location.
var retried = []int{
	http.StatusSeeOther, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// backoff waits one second after the first try and three after the second.
var backoff = remote.Backoff{Duration: time.Second, Factor: 3, Jitter: 0.1, Steps: 3}

var logger = log.New(os.Stderr, "", log.Ltime)

// Options make package remote try each request three times, and log what fails.
func Options(ctx context.Context, more ...remote.Option) []remote.Option {
	return append([]remote.Option{
		remote.WithContext(ctx),
		remote.WithRetryBackoff(backoff),
		remote.WithRetryStatusCodes(retried...),
		remote.WithRetryPredicate(temporary),
	}, more...)
}

// Transport tries each request three times, for what takes no options.
func Transport() http.RoundTripper {
	return transport.NewRetry(remote.DefaultTransport, transport.WithRetryBackoff(backoff),
		transport.WithRetryStatusCodes(retried...), transport.WithRetryPredicate(temporary))
}

// temporary says whether another try may help. These are the errors that package
// remote retries by default, but it does so silently.
func temporary(err error) bool {
	status, ok := err.(interface{ Temporary() bool })
	again := ok && status.Temporary() && !errors.Is(err, context.DeadlineExceeded)
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE, syscall.ECONNRESET} {
		again = again || errors.Is(err, broken)
	}
	if again {
		logger.Printf("%v (each request has three tries)", err)
	}
	return again
}

// Denied returns the message of a registry that refuses a request for lack of
// rights. It is false for any other error.
func Denied(err error) (message string, ok bool) {
	var failed *transport.Error
	if !errors.As(err, &failed) || failed.StatusCode != http.StatusUnauthorized && failed.StatusCode != http.StatusForbidden {
		return "", false
	}
	return failed.Error(), true
}

// NotFound says whether the registry has nothing under a name.
func NotFound(err error) bool {
	var failed *transport.Error
	return errors.As(err, &failed) && failed.StatusCode == http.StatusNotFound
}
