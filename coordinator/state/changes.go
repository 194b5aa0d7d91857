package state

// ChangeKind is what changed.
type ChangeKind uint8

// The kinds of change.
const (
	TaskChanged ChangeKind = 1 + iota
	ExperimentChanged
	WorkerChanged
	ProjectChanged
)

// Change says that a record was changed, or came or went, when an entry was
// applied.
type Change struct {
	Index uint64
	Kind  ChangeKind
	Seq   uint64 // of a task or an experiment
	Name  string // of a worker or a project
}

// changes is the list of late changes, newest first. Links never change, so a
// snapshot has the list by its head. It has two halves: when the newer one is
// full, the older one is forgotten.
type changes struct {
	newer, older *link
	count        int    // of newer
	floor        uint64 // changes up to this index may be forgotten
	edge         uint64 // highest index in older: the floor once older goes
}

type link struct {
	change Change
	next   *link
}

func (c *changes) add(change Change) {
	if c.count == maxChanges {
		c.floor, c.edge = c.edge, c.newer.change.Index
		c.older, c.newer, c.count = c.newer, nil, 0
	}
	c.newer = &link{change, c.newer}
	c.count++
}

// since calls visit for every change after an index, newest first. It reports
// false if some are forgotten.
func (c *changes) since(index uint64, visit func(Change)) bool {
	if index < c.floor {
		return false
	}
	for _, half := range []*link{c.newer, c.older} {
		for l := half; l != nil && l.change.Index > index; l = l.next {
			visit(l.change)
		}
	}
	return true
}
