// Package patiently waits for GitHub and the registry to show what was changed a moment
// ago: their reads lag behind their writes.
package patiently

import (
	"context"
	"log"
	"os"
	"time"
)

// Waits are the delays between the tries. Tests shorten them.
var Waits = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second}

var logger = log.New(os.Stderr, "", log.Ltime)

// Do repeats what fails, and logs each retry. It returns the error of the last try.
func Do(ctx context.Context, do func() error) error {
	for i, wait := range Waits {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		logger.Printf("%v: try %d of %d follows in %s", err, i+2, len(Waits)+1, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return do()
}
