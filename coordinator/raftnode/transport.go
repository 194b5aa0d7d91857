package raftnode

import (
	"time"

	"github.com/hashicorp/raft"
)

// transport is what raft sends with.
type transport interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

// maxAppendBytes is how much entries one message carries, if it carries more than
// one: raft counts entries alone, and 16 of the largest are a gigabyte. It is a few
// batches, so that messages are still far apart on a fast network.
const maxAppendBytes = 4 << 20

// maxAppendEntries is how many entries raft reads for a message, of which it then may send
// fewer: the largest are 64 MiB, and they are in memory meanwhile, once for each follower.
const maxAppendEntries = 16

// accounting is raft's transport, with an account of what was acknowledged and
// messages of a bounded size.
type accounting struct {
	transport
	acks *acknowledgements
}

// AppendEntries implements raft.Transport. Any answer with the term that was asked in
// acknowledges it, also one that refuses the entries: the member has taken no part in
// a later term yet.
//
// Entries that do not fit are left out of the request itself: raft reads there what
// it has sent, and sends the rest next.
func (t *accounting) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	q.Entries = fitting(q.Entries)
	sent := time.Now()
	var answer raft.AppendEntriesResponse // r may hold an older one
	if err := t.transport.AppendEntries(id, to, q, &answer); err != nil {
		return err
	}
	*r = answer
	if answer.Term == q.Term {
		t.acks.note(q.Term, id, sent)
	}
	return nil
}

// AppendEntriesPipeline implements raft.Transport. With more than one message in
// flight, raft's pipeline waits for ever on a connection that went silent after its
// consumer has gone.
func (t *accounting) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// fitting is the first of some entries, as many as one message carries.
func fitting(entries []*raft.Log) []*raft.Log {
	size := 0
	for i, l := range entries {
		if size += len(l.Data); size > maxAppendBytes && i > 0 {
			return entries[:i]
		}
	}
	return entries
}
