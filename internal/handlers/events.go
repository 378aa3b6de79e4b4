package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"argserver/internal/negotiate"
	"argserver/internal/response"
)

const (
	minInterval  = 10 * time.Millisecond // shortest ?interval
	maxInterval  = 30 * time.Second      // longest ?interval
	maxCount     = 1000                  // largest ?count
	maxStream    = 10 * time.Minute      // longest stream of events
	maxEventLate = 10 * time.Second      // longest delay of an event by a slow client
	maxEventStop = time.Second           // the same once draining has begun

	// The longest target of a request for events, in bytes. It stays as long as the
	// stream.
	maxEventsTarget = 2 << 10
)

var (
	intervalParameter = parameter{"interval", "a duration", minInterval, maxInterval, "250ms"}
	countParameter    = parameter{"count", "a number", 1, maxCount, "10"}
)

// eventsHandler responds with ?count server-sent events, the first at once and then
// one every ?interval. It responds with 400 if either is invalid, or if both together
// take longer than maxStream. The stream ends early once draining is closed, so that
// it never delays shutdown. A browser then connects again, to another server.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func eventsHandler(draining <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(r.RequestURI) > maxEventsTarget {
			response.Fail(w, http.StatusRequestURITooLong, "target: want at most "+strconv.Itoa(maxEventsTarget)+" bytes")
			return
		}
		query, err := negotiate.Query(r.URL.RawQuery, "interval", "count")
		if err != nil {
			response.Fail(w, http.StatusBadRequest, err.Error())
			return
		}
		interval, count, err := parseEvents(query)
		if err != nil {
			response.Fail(w, http.StatusBadRequest, err.Error())
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Accel-Buffering", "no") // nginx would collect the events first
		if r.Method == http.MethodHead {
			return
		}
		control := http.NewResponseController(w)
		// A client that does not read may block a write when draining begins.
		ended, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			select {
			case <-draining:
				control.SetWriteDeadline(time.Now().Add(maxEventStop))
			case <-ended:
			}
		}()
		defer func() {
			close(ended)
			<-watched // w is invalid once this handler has returned
		}()
		next := time.Now()
		end := next.Add(maxStream)
		for n := 1; ; n++ {
			// The deadline replaces WriteTimeout. It must outlast the pause between
			// events, because over HTTP/2 it also resets idle streams.
			deadline := time.Now().Add(interval + maxEventLate)
			if deadline.After(end) {
				deadline = end
			}
			err := control.SetWriteDeadline(deadline)
			select {
			case <-draining: // maybe before the deadline was set
				err = control.SetWriteDeadline(time.Now().Add(maxEventStop))
			default:
			}
			fmt.Fprintf(w, "id: %d\ndata: %d of %d\n\n", n, n, count)
			if err == nil {
				err = control.Flush()
			}
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			if n == count {
				return
			}
			next = next.Add(interval)
			select {
			case <-time.After(time.Until(next)):
			case <-draining:
				return
			case <-left(r): // over HTTP/1 a failed write shows it
				panic(http.ErrAbortHandler)
			}
		}
	}
}

// parseEvents returns the values of ?interval and ?count, or their defaults.
func parseEvents(query url.Values) (interval time.Duration, count int, err error) {
	interval, count = time.Second, 10
	if err := intervalParameter.duration(query, &interval); err != nil {
		return 0, 0, err
	}
	if err := countParameter.number(query, &count); err != nil {
		return 0, 0, err
	}
	if interval*time.Duration(count) > maxStream {
		return 0, 0, errors.New("count and interval: want a stream of at most " + maxStream.String() + " in all")
	}
	return interval, count, nil
}
