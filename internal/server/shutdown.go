package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"argserver/internal/settings"
)

// stop keeps serving for the drain period, then accepts no more connections and
// waits for requests in flight and for those that are arriving. Served tells that the
// server has accepted its last connection. Stop fails if the shutdown timeout
// passes or a second signal arrives.
func stop(server *http.Server, listener net.Listener, served <-chan error, open *connections, s settings.Settings, signals <-chan os.Signal) error {
	ctx, force := context.WithCancel(context.Background())
	defer force()
	go func() {
		select {
		case <-signals:
			force()
		case <-ctx.Done():
		}
	}()
	select {
	case <-time.After(s.Drain):
	case <-ctx.Done():
	}
	listener.Close()
	<-served
	shutdown, cancel := context.WithTimeout(ctx, s.ShutdownTimeout)
	defer cancel()
	cut := open.finish(shutdown, server)
	if ctx.Err() != nil {
		return errors.New("forced by a second signal")
	}
	if cut > 0 {
		return fmt.Errorf("requests in flight were cut off after %v", s.ShutdownTimeout)
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
