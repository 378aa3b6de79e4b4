package rehearsal

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckSums(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(folder string) error
		want   string
	}{
		{"good", func(string) error { return nil }, ""},
		{"binary changed", func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "argserver_linux_amd64"), []byte("evil"), 0o666)
		}, "checksums.txt is"},
		{"binary missing", func(folder string) error { return os.Remove(filepath.Join(folder, "argserver_linux_amd64")) }, "argserver_linux_amd64"},
		{"sums of more", func(folder string) error {
			sums, err := os.OpenFile(filepath.Join(folder, ChecksumsFile), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer sums.Close()
			_, err = io.WriteString(sums, "0123  evil\n")
			return err
		}, "0123  evil"},
		{"no sums", func(folder string) error { return os.Remove(filepath.Join(folder, ChecksumsFile)) }, "checksums.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, name := range BinaryNames() {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			sums := run(t, folder, "sh", "-c", "sha256sum argserver_* | LC_ALL=C sort -k 2")
			if err := os.WriteFile(filepath.Join(folder, ChecksumsFile), []byte(sums), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := c.tamper(folder); err != nil {
				t.Fatal(err)
			}
			wantError(t, CheckSums(folder), c.want)
		})
	}
}

func TestGet(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := Get(t.Context(), server.URL+"/file")
	wantError(t, err, "/file: 404 Not Found")
}

func TestTryBinary(t *testing.T) {
	for name, script := range map[string]string{
		"it did not start": "#!/bin/sh\necho no >&2\nexit 3\n",
		// It says that it listens, but is not healthy there.
		"healthcheck: exit status 1": "#!/bin/sh\n[ $ARGSERVER_ADDR = 127.0.0.1:0 ] || exit 1\necho it is listening on 127.0.0.1:1 >&2\nexec /bin/sleep 60\n",
	} {
		path := filepath.Join(t.TempDir(), "argserver")
		if err := os.WriteFile(path, []byte(script), 0o666); err != nil {
			t.Fatal(err)
		}
		wantError(t, TryBinary(t.Context(), t.Output(), path, platforms("linux/amd64")[0], ""), name)
	}
}
