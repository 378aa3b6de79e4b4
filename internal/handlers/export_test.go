package handlers

import (
	"bufio"
	"bytes"

	"argserver/internal/ordered"
)

// The tests are a package of their own, which a server for tests may import.
const (
	MaxEventLate    = maxEventLate
	MaxEventsTarget = maxEventsTarget
	MaxStream       = maxStream
)

var Identity = identity
var ListedVariables = listedVariables

func NulTerminated(argv []string) string { return string(nulTerminated(argv)) }

var OverviewHandler = overviewHandler

func Page(facts ordered.Object) []byte {
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	writePage(out, facts)
	out.Flush()
	return b.Bytes()
}

var RequestHandler = requestHandler

func ShellCommand(argv []string) string { return string(shellCommand(argv)) }
