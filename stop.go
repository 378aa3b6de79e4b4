package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// stop keeps serving for the drain period, then waits for requests in flight. It
// fails if the shutdown timeout passes or a second signal arrives.
func stop(server *http.Server, s settings, signals <-chan os.Signal) error {
	defer server.Close()
	ctx, force := context.WithCancel(context.Background())
	defer force()
	go func() {
		<-signals
		force()
	}()
	select {
	case <-time.After(s.drain):
	case <-ctx.Done():
	}
	shutdown, cancel := context.WithTimeout(ctx, s.shutdownTimeout)
	defer cancel()
	err := server.Shutdown(shutdown)
	if ctx.Err() != nil {
		return errors.New("forced by a second signal")
	}
	if err != nil {
		return fmt.Errorf("requests in flight were cut off after %v", s.shutdownTimeout)
	}
	return nil
}

// closeWhenDraining ends each connection after its next answer once draining is
// closed, so that clients connect elsewhere.
func closeWhenDraining(next http.Handler, draining <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-draining:
			// Over HTTP/2, net/http sends GOAWAY instead.
			w.Header().Set("Connection", "close")
		default:
		}
		next.ServeHTTP(w, r)
	})
}
