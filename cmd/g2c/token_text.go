package main

import (
	"os"
	"strings"

	"g2c/internal/fault"
)

// readToken is a token as a flag gives it: itself, or @ and a file that holds it, so
// that it stands in no list of processes.
func readToken(flag string) (string, error) {
	name, ok := strings.CutPrefix(flag, "@")
	if !ok {
		return flag, nil
	}
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return "", fault.New(fault.ErrNotFound, "there is no token file %s", name)
	}
	if err != nil {
		return "", fault.New(fault.ErrUnavailable, "read token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
