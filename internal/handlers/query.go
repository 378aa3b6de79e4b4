package handlers

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// queryNumber sets value to the parameter of a query if it is there. If it is no
// number from least to most, the error says what to want.
func queryNumber(query url.Values, name string, value *int, least, most int, want string) error {
	if !query.Has(name) {
		return nil
	}
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < least || n > most {
		return queryError(name, query.Get(name), want)
	}
	*value = n
	return nil
}

// queryDuration sets value to the parameter of a query if it is there. If it is no
// duration from least to most, the error says what to want.
func queryDuration(query url.Values, name string, value *time.Duration, least, most time.Duration, want string) error {
	if !query.Has(name) {
		return nil
	}
	d, err := time.ParseDuration(query.Get(name))
	if err != nil || d < least || d > most {
		return queryError(name, query.Get(name), want)
	}
	*value = d
	return nil
}

// queryError returns an error that quotes a parameter and says what would be valid.
func queryError(name, value, want string) error {
	return fmt.Errorf("%s=%q: want %s", name, value, want)
}
