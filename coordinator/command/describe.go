package command

// Describe names a command and what it is about, for the audit.
func Describe(c Command) (verb, subject string) { return c.describe() }
