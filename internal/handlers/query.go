package handlers

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// A parameter is one that a query may have.
type parameter struct {
	name, kind  string
	least, most any // both int, or both time.Duration
	example     string
}

// number sets value to the parameter if the query has it. If it is no number from least
// to most, the error quotes it and says what would be valid.
func (p *parameter) number(query url.Values, value *int) error {
	if query.Has(p.name) {
		n, err := strconv.Atoi(query.Get(p.name))
		if err != nil || n < p.least.(int) || n > p.most.(int) {
			return p.invalid(query)
		}
		*value = n
	}
	return nil
}

// duration does for a duration what number does for a number.
func (p *parameter) duration(query url.Values, value *time.Duration) error {
	if query.Has(p.name) {
		d, err := time.ParseDuration(query.Get(p.name))
		if err != nil || d < p.least.(time.Duration) || d > p.most.(time.Duration) {
			return p.invalid(query)
		}
		*value = d
	}
	return nil
}

func (p *parameter) invalid(query url.Values) error {
	return fmt.Errorf("%s=%q: want %s from %v to %v, such as %s", p.name, query.Get(p.name), p.kind, p.least, p.most, p.example)
}

// queryError returns an error that quotes a parameter and says what would be valid.
func queryError(name, value, want string) error {
	return fmt.Errorf("%s=%q: want %s", name, value, want)
}
