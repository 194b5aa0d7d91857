package command

import (
	"reflect"
	"strconv"
)

// Describe names a command and what it is about, for the audit.
func Describe(c Command) (verb, subject string) {
	switch c := c.(type) {
	case Submit:
		return "submit", c.Experiment
	case Cancel:
		return "cancel", c.Experiment
	case Retry:
		if c.Experiment == "" {
			return "retry", c.Task.String()
		}
		return "retry", c.Experiment
	case SetMode:
		return "set worker " + string(c.Mode), c.Worker
	case SetProject:
		return "set project", c.Project
	case Leave:
		return "remove worker", c.Worker
	case Raise:
		return "raise level", strconv.Itoa(c.Level)
	case PutUser:
		return "set user", c.User.Name
	case DropUser:
		return "drop user", c.Name
	case RevokeCertificate:
		return "revoke certificate", c.Serial
	case PutToken:
		return "create token", c.Token.ID
	case Revoke:
		return "revoke token", c.Token
	case Audit:
		return c.Verb, c.Subject
	}
	return reflect.TypeOf(c).Name(), ""
}
