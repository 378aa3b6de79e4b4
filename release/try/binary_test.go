package try

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"argserver/release/build"
	"argserver/release/internal/must"
	"argserver/release/product"
)

// Programs that do not do what they should are refused.
func TestBinary(t *testing.T) {
	// As the server, say that it listens; as the health check, exit with a status.
	lies := func(status int) string {
		return fmt.Sprintf("#!/bin/sh\n[ \"$%s\" = '%s' ] || exit %d\necho 'it%s127.0.0.1:1' >&2\nexec /bin/sleep 60\n",
			variable(), value(), status, product.Listening)
	}
	scripts := map[string]string{
		"it did not start":   "#!/bin/sh\necho no >&2\nexit 3\n",
		"connection refused": lies(0),
	}
	if argv, _ := product.Healthcheck(""); argv != nil {
		scripts["health check: exit status 1"] = lies(1)
	}
	for want, script := range scripts {
		path := filepath.Join(t.TempDir(), product.Name)
		must.Write(t, path, script)
		must.Fail(t, Binary(t.Context(), t.Output(), path, must.Platforms(t, "linux/amd64")[0], build.Metadata{}), want)
	}
}

func variable() string {
	name, _, _ := strings.Cut(product.Environ[0], "=")
	return name
}

func value() string {
	_, value, _ := strings.Cut(product.Environ[0], "=")
	return value
}
