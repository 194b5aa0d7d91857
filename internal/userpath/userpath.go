// Package userpath reads paths as people write them where no shell has read them before:
// in specs, tables and flags. It touches no file and reads no environment.
package userpath

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Error is why a text is no path that can be used here.
type Error struct{ Why, Remedy string }

// Error is the reason with what to do.
func (e *Error) Error() string { return e.Why + " (" + e.Remedy + ")" }

const writeOut = "write the path out"

var (
	variableForm = regexp.MustCompile(`^(\$|%[A-Za-z_]+%)`)
	driveForm    = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\[A-Za-z0-9])`)
)

// Expand is a path with the home directory in place of a leading ~/, and refuses what
// means something to a shell or to another system alone. home may be empty: not known.
func Expand(path, home string) (string, error) {
	rest, tilde := strings.CutPrefix(path, "~")
	switch {
	case tilde && rest != "" && rest[0] != '/' && rest[0] != '\\':
		return "", &Error{"the home directories of other users are not looked up", writeOut + ", or ./" + path + " for a file of that name"}
	case tilde && home == "":
		return "", &Error{"there is no home directory to put in place of ~", writeOut + ", or relative to where g2c runs; a file of that name is ./" + path}
	case tilde:
		return filepath.Join(home, strings.ReplaceAll(rest, `\`, "/")), nil
	case variableForm.MatchString(path):
		return "", &Error{"environment variables are not read", writeOut + ", or let a shell do it; a file of that name is ./" + path}
	case driveForm.MatchString(path):
		return "", &Error{"it is a path of Windows", "write where that lies on this machine"}
	}
	return path, nil
}
