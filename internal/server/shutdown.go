package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"argserver/internal/settings"
)

// newTime is how long shutdown waits for the first request on a new connection.
const newTime = time.Second

// stop keeps serving for the drain period, then accepts no more connections and waits
// for requests in flight. It fails if the shutdown timeout passes before they end, or
// if a second signal arrives.
func stop(server *http.Server, served <-chan error, open *connections, s settings.Settings, signals <-chan os.Signal) error {
	forced, force := context.WithCancel(context.Background())
	defer force()
	go func() {
		select {
		case <-signals:
			force()
		case <-forced.Done():
		}
	}()
	sleep(forced, s.Drain)
	open.Listener.Close()
	<-served
	ctx, cancel := context.WithTimeout(forced, s.ShutdownTimeout)
	defer cancel()
	// Shutdown would drop a request that has begun to arrive on a new connection, and
	// would wait five seconds for one that never does.
	for end, n := time.Now().Add(newTime), 1; n > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		n = len(open.in(http.StateNew))
		sleep(ctx, 10*time.Millisecond) // also the last time, for net/http to call the handler
	}
	for _, c := range open.in(http.StateNew) {
		c.Close()
	}
	ended := make(chan struct{})
	go func() {
		if server.Shutdown(ctx) == nil {
			open.handlers.Wait() // those of WebSockets, which Shutdown does not know
		}
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // Shutdown may be closing a connection whose client does not read
	}
	if forced.Err() != nil {
		return errors.New("forced by a second signal")
	}
	if len(open.in(http.StateActive)) > 0 {
		return fmt.Errorf("requests in flight were cut off after %v", s.ShutdownTimeout)
	}
	return nil
}

// sleep returns after d, or once ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
