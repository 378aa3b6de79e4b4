package registry

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestRetries(t *testing.T) {
	backoff.Duration = time.Millisecond
	index, err := random.Index(100, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for _, c := range []struct {
		status, times int
		fails         string
	}{
		{303, 2, ""},
		{429, 2, ""},
		{500, 2, ""},
		{503, 2, ""},
		{429, 3, "429 Too Many Requests"},
		{303, 3, "303"},
	} {
		t.Run(fmt.Sprint(c.times, " times ", c.status), func(t *testing.T) {
			var said bytes.Buffer
			logger.SetOutput(&said)
			left := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if left > 0 && strings.Contains(r.URL.Path, "/manifests/") {
					left--
					w.WriteHeader(c.status)
					return
				}
				real.ServeHTTP(w, r)
			}))
			defer server.Close()
			tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/owner/name:1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.WriteIndex(tag, index); err != nil {
				t.Fatal(err)
			}
			left = c.times
			_, err = remote.Index(tag, Options(t.Context())...)
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("got the error %v, want %q", err, c.fails)
			}
			if left != 0 || strings.Count(said.String(), fmt.Sprint(c.status)) != c.times || !strings.Contains(said.String(), "three tries") {
				t.Errorf("%d tries are left and it logs %q, want %d lines with %d", left, &said, c.times, c.status)
			}
		})
	}
}
