package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// argsHandler answers with the whole argument vector.
func argsHandler(argv []string) http.HandlerFunc {
	return fixed(func(f format) string {
		switch f {
		case formatJSON:
			return string(appendJSON(nil, argv)) + "\n"
		case formatShell:
			return shellCommand(argv) + "\n"
		case formatNUL:
			return nulTerminated(argv)
		default:
			return fmt.Sprintln(argv)
		}
	}, formatText, formatJSON, formatShell, formatNUL)
}

// argHandler answers with the bytes of one argument, and nothing added.
func argHandler(argv []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseUint(r.PathValue("n"), 10, 0)
		switch {
		case err == nil && n < uint64(len(argv)):
			send(w, http.StatusOK, octetStream, argv[n])
		case len(argv) == 0:
			fail(w, http.StatusNotFound, "there is no argument at all, not even 0")
		default:
			fail(w, http.StatusNotFound, fmt.Sprintf("argument %q: want a number from 0 to %d", r.PathValue("n"), len(argv)-1))
		}
	}
}

// nulTerminated ends each argument with a NUL, which none can hold: nothing is
// lost. It is the form of /proc/PID/cmdline.
func nulTerminated(argv []string) string {
	var b strings.Builder
	for _, arg := range argv {
		b.WriteString(arg)
		b.WriteByte(0)
	}
	return b.String()
}

// shellCommand is a command that a POSIX shell splits into just this vector.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02
func shellCommand(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = shellWord(arg)
		// As the first word A=B would be an assignment, and if a keyword. No
		// name of either has a slash.
		if i == 0 && words[i] == arg && !strings.HasPrefix(arg, "/") {
			words[i] = "'" + arg + "'"
		}
	}
	return strings.Join(words, " ")
}

// shellWord quotes an argument, unless a shell takes all of it literally.
func shellWord(arg string) string {
	literal := arg != ""
	for _, c := range []byte(arg) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("%+,-./:=@_", c) >= 0:
		default:
			literal = false
		}
	}
	if literal {
		return arg
	}
	// Between single quotes all is literal, but for themselves.
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
