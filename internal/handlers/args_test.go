package handlers_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"argserver/internal/handlers"
	"argserver/internal/servertest"
)

// vectors are argument vectors that a careless encoding changes.
var vectors = []struct {
	name string
	argv []string
}{
	{"default", []string{"/argserver", "a", "b", "c", "d"}},
	{"none at all", nil},
	{"no arguments", []string{"/argserver"}},
	{"empty", []string{"", "", "a", ""}},
	{"boundaries", []string{"/argserver", "a b", "a", "b", " a  b "}},
	{"newlines", []string{"/argserver", "a\nb", "\n", "a\r\n", "\n\n"}},
	{"not UTF-8", []string{"/argserver", "\xff\xfe", "a\x80b", "\xe2\x82", "\xed\xa0\x80", "é\u2028\ufffd"}},
	{"every byte", []string{"/argserver", everyByte()}},
	{"for a shell", []string{"/argserver", "$HOME", "$(id)", "`id`", "'", `'\''`, `"`, `\`, "*", "?", "[a]", "~", "!", "#a", "a;b", "a&b", "a|b", "<a>", "(a)", "{a,b}", "a=b", "\t"}},
	{"assignment", []string{"A=b", "c"}},
	{"keyword", []string{"if", "true"}},
	{"tilde", []string{"~", "~root"}},
	{"options", []string{"/argserver", "--help", "-version", "-h", "-test.v", "--", "healthcheck", "-", "--flag=value"}},
	{"formats", []string{"/argserver", "%v%s%!", "<script>alert(1)</script>", "&amp;", "\x1b[31m"}},
	{"long", []string{"/argserver", strings.Repeat("x", 128<<10)}},
	{"many", slices.Repeat([]string{"x"}, 10_000)},
}

// everyByte returns each byte once, except NUL, which an argument cannot contain.
func everyByte() string {
	var b strings.Builder
	for i := 1; i < 256; i++ {
		b.WriteByte(byte(i))
	}
	return b.String()
}

func TestArgs(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			server := servertest.Serve(t, v.argv)
			for _, c := range []struct {
				query, contentType string
				want               string
			}{
				{"", "text/plain; charset=utf-8", fmt.Sprintf("%v\n", v.argv)},
				{"?format=text", "text/plain; charset=utf-8", fmt.Sprintf("%v\n", v.argv)},
				{"?format=nul", "application/octet-stream", strings.Join(append(slices.Clone(v.argv), ""), "\x00")},
			} {
				a := servertest.Fetch(t, "GET", server.URL+"/args"+c.query)
				if a.Status != 200 || a.Body != c.want || a.Header.Get("Content-Type") != c.contentType {
					t.Errorf("GET /args%s = %d %s %.200q, want 200 %s %.200q",
						c.query, a.Status, a.Header.Get("Content-Type"), a.Body, c.contentType, c.want)
				}
			}
			wantJSON(t, servertest.Fetch(t, "GET", server.URL+"/args?format=json").Body, v.argv)
			if got := servertest.Fetch(t, "GET", server.URL+"/args?format=shell").Body; got != handlers.ShellCommand(v.argv)+"\n" {
				t.Errorf("the shell command is %.200q, want %.200q", got, handlers.ShellCommand(v.argv))
			}
			for i := range min(len(v.argv), 50) {
				if a := servertest.Fetch(t, "GET", fmt.Sprint(server.URL, "/args/", i)); a.Status != 200 || a.Body != v.argv[i] {
					t.Errorf("GET /args/%d = %d %.200q, want 200 %.200q", i, a.Status, a.Body, v.argv[i])
				}
			}
		})
	}
}

func TestArgOutOfRange(t *testing.T) {
	server := servertest.Serve(t, []string{"/argserver", "a", "b"})
	for _, path := range []string{"0x1", "3", "-1", "+1", "x", "1.0", "99999999999999999999", "%00", "%31%0a"} {
		if a := servertest.Fetch(t, "GET", server.URL+"/args/"+path); a.Status != 404 || !strings.Contains(a.Body, "want a number from 0 to 2\n") {
			t.Errorf("GET /args/%s = %d %q, want 404 with the range", path, a.Status, a.Body)
		}
	}
	server = servertest.Serve(t, nil)
	if a := servertest.Fetch(t, "GET", server.URL+"/args/0"); a.Status != 404 || !strings.Contains(a.Body, "vector is empty") {
		t.Errorf("with an empty vector GET /args/0 = %d %q, want a 404 that says so", a.Status, a.Body)
	}
}

// wantJSON checks that text decodes to the same vector as the output of
// encoding/json, with U+FFFD for each invalid UTF-8 byte.
func wantJSON(t *testing.T, text string, argv []string) {
	t.Helper()
	encoded, err := json.Marshal(slices.Concat([]string{}, argv))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %.200q", err, text)
	}
	if err := json.Unmarshal(encoded, &want); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) || got == nil {
		t.Errorf("JSON of %.200q, want %.200q", got, want)
	}
}

// wantShell checks that each shell splits command into argv. It makes the words the
// positional parameters and prints those.
func wantShell(t *testing.T, shells [][]string, command string, argv []string) {
	t.Helper()
	words := strings.TrimSuffix(command, "\n")
	if len(argv) == 0 {
		if words != "" {
			t.Errorf("the command for an empty vector is %q, want none", words)
		}
		return
	}
	want := strings.Join(argv, "\x00") + "\x00"
	for _, shell := range shells {
		cmd := exec.Command(shell[0], shell[1:]...)
		cmd.Stdin = strings.NewReader("set -- " + words + "\nfor word do printf '%s\\0' \"$word\"; done\n")
		got, err := cmd.Output()
		if err != nil || string(got) != want {
			t.Errorf("got %.200q (%v) from %s for %.200q, want %.200q", got, err, shell, words, want)
		}
	}
}

// shells returns the commands of the shells that are installed, and logs them. Without
// one the test fails, except on Windows, which has none. What is called bash there runs
// another system.
func shells(t testing.TB) (found [][]string) {
	t.Helper()
	names := []string{"sh", "dash", "bash", "zsh -f", "zsh -f -o extendedglob -o kshglob -o rcquotes -o magicequalsubst", "busybox sh"}
	if runtime.GOOS == "windows" {
		names = names[:1]
	}
	for _, name := range names {
		command := strings.Fields(name)
		if _, err := exec.LookPath(command[0]); err == nil {
			found = append(found, command)
		} else {
			t.Logf("%s is not installed", name)
		}
	}
	t.Logf("the shells %q are tried", found)
	if found == nil && runtime.GOOS == "windows" {
		t.Skip("Windows has no sh")
	}
	if found == nil {
		t.Fatal("no shell is installed, not even sh")
	}
	return found
}

// Every shell reads every word as one argument, whichever byte it has wherever.
func TestShells(t *testing.T) {
	installed := shells(t)
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			wantShell(t, installed, handlers.ShellCommand(v.argv), v.argv)
		})
	}
	words := []string{"/argserver"}
	const unquoted = "%+,-./:=@_a1" // in every position
	for _, a := range unquoted {
		words = append(words, string(a))
		for _, b := range unquoted {
			words = append(words, string([]rune{a, b}))
			for _, c := range unquoted {
				words = append(words, string([]rune{a, b, c}))
			}
		}
	}
	for c := 1; c < 256; c++ {
		b := string([]byte{byte(c)})
		words = append(words, b, b+"a", "a"+b+"a", "a"+b, b+b)
	}
	words = append(words, "=ls", "=sh", "a=~", "a==ls", "a=b:=ls", "a:=ls", "~root", "-e", `a\`, "\\\n", "!!", "!1", "^a^b", "a#b",
		"*(.)", "?(a)", "+(a)", "@(a)", "!(a)", "<->", "<1-2>", "{1..3}", "{a,b}", "$'a'", "$((1))", "${a}", "a''b", strings.Repeat("'", 3), "<(a)", ">(a)", "=(a)",
		"if", "then", "[[", "]]", "time", "function", "noglob", "&&", "2>&1", "1>a", ";;", "\u00a0", "\u3000", "\u2028", "\ufeff", "\x80=", "\x9b31m")
	wantShell(t, installed, handlers.ShellCommand(words), words)
}

// A shell must not read the first word as an assignment, a keyword or an alias.
func TestShellCommandName(t *testing.T) {
	for name, want := range map[string]string{
		"/argserver":  "/argserver",
		"/a b":        "'/a b'",
		"argserver":   "'argserver'",
		"A=b":         "'A=b'",
		"./argserver": "'./argserver'",
		"if":          "'if'",
		"":            "''",
		"a b":         "'a b'",
	} {
		if got := handlers.ShellCommand([]string{name}); got != want {
			t.Errorf("the command name %q is written %s, want %s", name, got, want)
		}
	}
}

func FuzzShell(f *testing.F) {
	for _, v := range vectors {
		if len(v.argv) > 1 && len(v.argv) < 100 {
			f.Add(v.argv[0], v.argv[1])
		}
	}
	installed := shells(f)
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\x00") {
			return // an argument cannot contain NUL
		}
		wantShell(t, installed, handlers.ShellCommand([]string{a, b}), []string{a, b})
	})
}

func FuzzNUL(f *testing.F) {
	f.Add("a", "b")
	f.Add("", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\x00") {
			return
		}
		if got := strings.Split(handlers.NulTerminated([]string{a, b}), "\x00"); !slices.Equal(got, []string{a, b, ""}) {
			t.Errorf("%q and %q decode to %q", a, b, got)
		}
	})
}
