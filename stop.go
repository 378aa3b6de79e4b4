package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// stop serves on for the drain, and then lets the requests in flight finish. It
// returns an error when the grace was not enough or a second signal came.
func stop(server *http.Server, s settings, signals <-chan os.Signal) error {
	defer server.Close()
	patience, hurry := context.WithCancel(context.Background())
	defer hurry()
	go func() {
		<-signals
		hurry()
	}()
	select {
	case <-time.After(s.drain):
	case <-patience.Done():
	}
	grace, cancel := context.WithTimeout(patience, s.shutdownTimeout)
	defer cancel()
	err := server.Shutdown(grace)
	if patience.Err() != nil {
		return errors.New("at once, on a second signal")
	}
	if err != nil {
		return fmt.Errorf("requests in flight were cut off after %v", s.shutdownTimeout)
	}
	return nil
}

// closeWhenDraining closes the connection after each answer once draining is set.
func closeWhenDraining(next http.Handler, draining *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			// Over HTTP/2 net/http makes a GOAWAY of it.
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
