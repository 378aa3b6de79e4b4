package try

import (
	"path/filepath"
	"testing"

	"argserver/release/build"
	"argserver/release/internal/must"
)

func TestBinary(t *testing.T) {
	for want, script := range map[string]string{
		"it did not start": "#!/bin/sh\necho no >&2\nexit 3\n",
		// It says that it listens, but nothing is healthy there.
		"health check: exit status 1": "#!/bin/sh\n[ $ARGSERVER_ADDR = 127.0.0.1:0 ] || exit 1\necho it is listening on 127.0.0.1:1 >&2\nexec /bin/sleep 60\n",
		// It is healthy, but does not answer.
		"GET http://127.0.0.1:1/args": "#!/bin/sh\n[ $ARGSERVER_ADDR = 127.0.0.1:0 ] || exit 0\necho it is listening on 127.0.0.1:1 >&2\nexec /bin/sleep 60\n",
	} {
		path := filepath.Join(t.TempDir(), "argserver")
		must.Write(t, path, script)
		must.Fail(t, Binary(t.Context(), t.Output(), path, must.Platforms(t, "linux/amd64")[0], build.Metadata{}), want)
	}
}
