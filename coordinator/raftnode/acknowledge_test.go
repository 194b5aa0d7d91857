package raftnode

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestAMajorityOfVotersFollowsSince(t *testing.T) {
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	voter := func(ids ...raft.ServerID) (all []raft.Server) {
		for _, id := range ids {
			all = append(all, raft.Server{ID: id, Suffrage: raft.Voter})
		}
		return all
	}
	learner := func(all []raft.Server, id raft.ServerID) []raft.Server {
		return append(all, raft.Server{ID: id, Suffrage: raft.Nonvoter})
	}
	a := newAcknowledgements()
	a.note(3, "b", at(1))
	a.note(3, "c", at(4))
	a.note(3, "c", at(2)) // overtaken by a later one
	a.note(2, "c", at(9)) // an older term's, which came late
	a.note(3, "d", at(5))
	a.note(3, "e", at(3))
	for _, c := range []struct {
		what    string
		term    uint64
		servers []raft.Server
		want    time.Time
	}{
		{"alone", 3, voter("a"), at(10)},
		{"one of two", 3, voter("a", "b"), at(1)},
		{"one other of three", 3, voter("a", "b", "c"), at(4)},
		{"two others of five", 3, voter("a", "b", "c", "d", "e"), at(4)},
		{"two others of four", 3, voter("a", "b", "c", "e"), at(3)},
		{"a learner that was heard last", 3, learner(voter("a", "b"), "d"), at(1)},
		{"this node leaves and votes no more", 3, voter("b", "c"), at(1)},
		{"one that never answered", 3, voter("a", "f"), time.Time{}},
		{"nobody votes", 3, learner(nil, "b"), time.Time{}},
		{"a term nobody has acknowledged yet", 4, voter("a", "b", "c"), time.Time{}},
		{"a term that is over", 2, voter("a", "b", "c"), time.Time{}},
	} {
		if got := a.since(c.term, c.servers, "a", at(10)); !got.Equal(c.want) {
			t.Errorf("%s: since %v, want %v", c.what, got.Sub(begin), c.want.Sub(begin))
		}
	}
	a.note(4, "b", at(6))
	if got := a.since(4, voter("a", "b", "c", "d", "e"), "a", at(10)); !got.IsZero() {
		t.Errorf("answers of a term confirm the next: %v", got.Sub(begin))
	}
	a.note(4, "e", at(7))
	if got := a.since(4, voter("a", "b", "c", "d", "e"), "a", at(10)); !got.Equal(at(6)) {
		t.Errorf("since %v, want %v", got.Sub(begin), at(6).Sub(begin))
	}
}

// What one message carries is bounded, and never nothing.
func TestMessagesAreBounded(t *testing.T) {
	const full = maxAppendBytes
	for _, c := range []struct {
		sizes []int
		want  int
	}{
		{nil, 0},
		{[]int{64 << 20}, 1},
		{[]int{64 << 20, 1}, 1},
		{[]int{1, 64 << 20, 1}, 1},
		{[]int{full / 2, full / 2, 1}, 2},
		{[]int{full / 2, full/2 + 1, 1}, 1},
		{[]int{0, 0, 0}, 3},
	} {
		var all []*raft.Log
		for _, n := range c.sizes {
			all = append(all, &raft.Log{Data: make([]byte, n)})
		}
		if got := len(fitting(all)); got != c.want {
			t.Errorf("%s: a message carries %d, want %d", fmt.Sprint(c.sizes), got, c.want)
		}
	}
}
