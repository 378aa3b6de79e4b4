package negotiate

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Query parses a query in which the parameters named orders change the response. A pair
// that net/url drops is ignored, as it is where nothing is ordered, unless it begins with
// one of these names. Then the error quotes the pair and says what would be valid.
func Query(raw string, orders ...string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err == nil {
		return query, nil
	}
	if len(query) == 0 && strings.Count(raw, "&") > maxPairs {
		return nil, errors.New("query: want fewer parameters")
	}
	for pair := range strings.SplitSeq(raw, "&") {
		_, err := url.ParseQuery(pair)
		name := pair
		if end := strings.IndexAny(pair, "=;%"); end >= 0 {
			name = pair[:end]
		}
		if err != nil && slices.Contains(orders, name) {
			want := "%25 for %"
			if strings.Contains(pair, ";") {
				want = "%3B for ;"
			}
			return nil, fmt.Errorf("query %q: want %s", pair, want)
		}
	}
	return query, nil
}

// maxPairs is a number of pairs that no client needs and net/url still parses.
const maxPairs = 1000
