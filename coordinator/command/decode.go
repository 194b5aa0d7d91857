package command

import "fmt"

// Decode reads an entry of the log: what Encode writes, in this release or one before it,
// and nothing else. A replica that cannot read one must stop: the others may have applied
// it.
func Decode(b []byte) (Entry, error) {
	if len(b) > MaxEntryBytes {
		return Entry{}, fmt.Errorf("%w: an entry of %d bytes, at most %d", ErrMalformed, len(b), MaxEntryBytes)
	}
	d := reader{rest: b}
	e, level, err := d.entry()
	if err != nil {
		return Entry{}, err
	}
	if need := max(e.Command.level(), e.contentLevel()); level < need {
		return Entry{}, fmt.Errorf("%w: level %d with fields of level %d", ErrMalformed, level, need)
	}
	return e, e.check()
}

// entry reads an entry and the level that it says it is of.
func (d *reader) entry() (e Entry, level int, err error) {
	for d.tag() {
		if d.number < fieldLevel {
			e.Command = d.command()
			break
		}
		d.rising()
		switch d.number {
		case fieldLevel:
			v := d.uint()
			if v > Level { // before anything else of it is looked at
				return e, 0, fmt.Errorf("%w: level %d, this release reads up to %d", ErrNewer, v, Level)
			}
			level = int(v)
		case fieldAt:
			e.At = d.long()
		case fieldRequest:
			e.Request = d.text()
		case fieldPrincipal:
			e.Principal = d.text()
		case fieldContent:
			e.Content = d.key()
			d.set(e.Content != [32]byte{})
		default:
			d.unknown()
		}
	}
	switch {
	case level < 1:
		d.fail("no level in it")
	case e.Command == nil:
		d.fail("no command in it")
	case len(d.rest) > 0:
		d.fail("%d bytes behind its command", len(d.rest))
	}
	return e, level, d.err
}

// command reads the command whose number has been read.
func (d *reader) command() Command {
	number := d.number
	in := d.inside()
	c := in.read(int(number))
	d.leave(&in)
	return c
}
