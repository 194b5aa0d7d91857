package command

import "g2c/api"

// The numbers below stand in logs and backups: they are never reused. A new
// command takes the next one, and the level of the release that brings it.
const (
	numberSubmit = 1 + iota
	numberJoin
	numberLeave
	numberPlace
	numberDone
	numberFailed
	numberInterrupted
	numberCancel
	numberStarted
	numberReleased
	numberFound
	numberPreempt
	numberEvict
	numberResize
	numberLost
	numberSetMode
	numberCache
	numberRetry
	numberSetProject
	numberPutToken
	numberRevoke
	numberAudit
	numberRaise
	numberForget
	numberMissing // from here on of api.LevelWishes
	numberPutUser
	numberDropUser
	numberRevokeCertificate
	numberEnd // one past the last
)

// Level is the newest level that this release reads and writes.
const Level = api.LevelWishes

// LevelOf is the lowest level that reads a command: that of its number, of the fields
// that are set, and of the works in it.
func LevelOf(c Command) int {
	level := fieldsLevel(c)
	if c, ok := c.(Submit); ok {
		for i := range c.Works {
			level = max(level, c.Works[i].Level())
		}
	}
	return level
}

// Level is the lowest level that reads the entry.
func (e Entry) Level() int {
	if e.Content != [32]byte{} {
		return max(LevelOf(e.Command), api.LevelWishes)
	}
	return LevelOf(e.Command)
}

// fieldsLevel is the lowest level that has a command's number and the fields of it that
// are set, but for works.
func fieldsLevel(c Command) int {
	late := c != nil && c.Number() >= numberMissing
	switch c := c.(type) {
	case Place:
		late = c.Experiment != 0
	case Resize:
		late = c.Experiment != 0
	case Join:
		late = c.Issue || c.Boot != "" || len(c.Progress) > 0
	case Lost:
		late = len(c.Progress) > 0
	case Leave:
		late = c.Incarnation != 0
	case Evict:
		late = c.Hung || c.Step != 0 || c.Words != ""
	}
	if late {
		return api.LevelWishes
	}
	return api.LevelFirst
}

// Number implements Command.
func (Submit) Number() int { return numberSubmit }

// Number implements Command.
func (Join) Number() int { return numberJoin }

// Number implements Command.
func (Leave) Number() int { return numberLeave }

// Number implements Command.
func (Place) Number() int { return numberPlace }

// Number implements Command.
func (Done) Number() int { return numberDone }

// Number implements Command.
func (Failed) Number() int { return numberFailed }

// Number implements Command.
func (Interrupted) Number() int { return numberInterrupted }

// Number implements Command.
func (Cancel) Number() int { return numberCancel }

// Number implements Command.
func (Started) Number() int { return numberStarted }

// Number implements Command.
func (Released) Number() int { return numberReleased }

// Number implements Command.
func (Found) Number() int { return numberFound }

// Number implements Command.
func (Preempt) Number() int { return numberPreempt }

// Number implements Command.
func (Evict) Number() int { return numberEvict }

// Number implements Command.
func (Resize) Number() int { return numberResize }

// Number implements Command.
func (Lost) Number() int { return numberLost }

// Number implements Command.
func (SetMode) Number() int { return numberSetMode }

// Number implements Command.
func (Cache) Number() int { return numberCache }

// Number implements Command.
func (Retry) Number() int { return numberRetry }

// Number implements Command.
func (SetProject) Number() int { return numberSetProject }

// Number implements Command.
func (PutToken) Number() int { return numberPutToken }

// Number implements Command.
func (Revoke) Number() int { return numberRevoke }

// Number implements Command.
func (Audit) Number() int { return numberAudit }

// Number implements Command.
func (Raise) Number() int { return numberRaise }

// Number implements Command.
func (Forget) Number() int { return numberForget }

// Number implements Command.
func (Missing) Number() int { return numberMissing }

// Number implements Command.
func (PutUser) Number() int { return numberPutUser }

// Number implements Command.
func (DropUser) Number() int { return numberDropUser }

// Number implements Command.
func (RevokeCertificate) Number() int { return numberRevokeCertificate }
