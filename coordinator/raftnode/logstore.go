package raftnode

import (
	"errors"

	"g2c/coordinator/raftnode/journal"
)

// ErrAgain is a node that has to be started again to go on. Nothing is wrong with it.
var ErrAgain = errors.New("entries that were never committed were replaced by another node's snapshot: start this coordinator again")

// logStore is the journal as raft sees it.
type logStore struct {
	*journal.Journal
	fail func(error)
}

// DeleteRange implements raft.LogStore. When raft takes another node's snapshot it
// removes its log, and goes on believing that the log ends where it did. If that is
// behind the snapshot, it finds none of the entries that it then compares with, and is
// sent the same snapshot for ever: only a start from the disk helps.
func (l *logStore) DeleteRange(from, to uint64) error {
	base, last := l.Ends()
	err := l.Journal.DeleteRange(from, to)
	if err == nil && last > base && from <= base && to > base {
		l.fail(ErrAgain)
	}
	return err
}
