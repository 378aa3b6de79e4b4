package handlers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"argserver/internal/negotiate"
	"argserver/internal/ordered"
	"argserver/internal/response"
)

// argsHandler responds with the whole argument vector.
func argsHandler(argv []string) http.HandlerFunc {
	return negotiate.Fixed(func(f negotiate.Format) []byte {
		switch f {
		case negotiate.JSON:
			return append(ordered.AppendJSON(nil, argv), '\n')
		case negotiate.Shell:
			return append(shellCommand(argv), '\n')
		case negotiate.NUL:
			return nulTerminated(argv)
		default:
			return []byte(fmt.Sprintln(argv))
		}
	}, negotiate.Text, negotiate.JSON, negotiate.Shell, negotiate.NUL)
}

// argHandler responds with the bytes of one argument and adds nothing.
func argHandler(argv []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseUint(r.PathValue("n"), 10, 0)
		switch {
		case err == nil && n < uint64(len(argv)):
			response.Send(w, http.StatusOK, response.OctetStream, argv[n])
		case len(argv) == 0:
			response.Fail(w, http.StatusNotFound, "the argument vector is empty")
		default:
			response.Fail(w, http.StatusNotFound, fmt.Sprintf("argument %q: want a number from 0 to %d", r.PathValue("n"), len(argv)-1))
		}
	}
}

// nulTerminated returns each argument followed by a NUL byte, the format of
// /proc/PID/cmdline. It is lossless, because an argument cannot contain NUL.
func nulTerminated(argv []string) (b []byte) {
	for _, arg := range argv {
		b = append(append(b, arg...), 0)
	}
	return b
}

// shellCommand returns a command that a POSIX shell splits into exactly this
// vector.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02
func shellCommand(argv []string) (b []byte) {
	eachWord(argv, func(s string) { b = append(b, s...) })
	return b
}

// eachWord calls write with the parts of this command.
func eachWord(argv []string, write func(string)) {
	for i, arg := range argv {
		word := shellWord(arg)
		// A first word such as A=B is an assignment, and if is a keyword, unless
		// quoted. A word that starts with a slash is neither.
		if i == 0 && word == arg && !strings.HasPrefix(arg, "/") {
			word = "'" + arg + "'"
		}
		if i > 0 {
			write(" ")
		}
		write(word)
	}
}

// shellWord quotes an argument unless a shell takes every byte of it literally. Zsh
// replaces =ls with the path of ls at the start of a word and, with the option
// MAGIC_EQUAL_SUBST, after = and :.
func shellWord(arg string) string {
	literal := arg != "" && !strings.Contains("="+arg, "==") && !strings.Contains(arg, ":=")
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
	// Inside single quotes everything but a single quote is literal.
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
