// Package command runs other programs.
package command

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// Output runs a command and returns its standard output without the final
// newline. An error includes what the command wrote to standard error.
func Output(cmd *exec.Cmd) (string, error) {
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(log.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
