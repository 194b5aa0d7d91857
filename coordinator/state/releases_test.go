package state_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// released is a random history that the release of a level played and wrote down: entries
// of its log as they stood there, what it refused, its hash at every fiftieth, and at the
// end the digest of its snapshot.
func released(t *testing.T, level int) []string {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("testdata/level%d.gz", level))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// entryOf reads a line that is an entry.
func entryOf(t *testing.T, line string) command.Entry {
	t.Helper()
	b, err := hex.DecodeString(line)
	if err != nil {
		t.Fatal(err)
	}
	e, err := command.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// releases are the levels of those before this one that had a log.
var releases = []int{3, api.LevelWishes, api.LevelGangs, api.LevelHolds, api.LevelK3, api.LevelBaselines}

// No release is forgotten: every level before this one has its history, and is held to it.
func TestEveryReleaseIsHeld(t *testing.T) {
	for i, level := range releases {
		if level != releases[0]+i {
			t.Errorf("level %d stands where %d is expected", level, releases[0]+i)
		}
	}
	if last := releases[len(releases)-1]; last != command.Level-1 {
		t.Errorf("level %d has no history: record it with -record before the level is raised", last+1)
	}
}

// This release is what those before were, until the level is raised: the same log makes
// the same hashes, the same refusals and the same snapshot.
func TestTheReleasesBefore(t *testing.T) {
	for _, level := range releases {
		t.Run(fmt.Sprint(level), func(t *testing.T) { theRelease(t, level) })
	}
}

func theRelease(t *testing.T, level int) {
	s := state.New()
	var last state.Result
	hashes := 0
	for i, line := range released(t, level) {
		what, want, _ := strings.Cut(line, " ")
		got := ""
		switch what {
		case "refused":
			got = fmt.Sprint(last.Err)
			last.Err = nil
		case "hash":
			got = fmt.Sprintf("%x", s.Hash())
			hashes++
		case "snapshot":
			var b bytes.Buffer
			if err := s.Encode(&b); err != nil {
				t.Fatal(err)
			}
			got = fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))
		default:
			if last.Err != nil {
				t.Fatalf("line %d: the entry before was refused: %v", i, last.Err)
			}
			last = s.Apply(s.Index()+1, entryOf(t, line))
			continue
		}
		if got != want {
			t.Fatalf("line %d, entry %d: %s\n got %s\nwant %s", i, s.Index(), what, got, want)
		}
	}
	if s.Level() != level || hashes < 40 || s.Index() < 2000 {
		t.Errorf("level %d after %d entries, %d hashes", s.Level(), s.Index(), hashes)
	}
}

// A cluster is raised in the middle of its life, at any entry, and goes on: the invariants
// hold, and replicas agree that were restored from snapshots before and after.
func TestRaisedAtAnyPlace(t *testing.T) {
	for _, level := range releases {
		t.Run(fmt.Sprint(level), func(t *testing.T) { raisedAtAnyPlace(t, level) })
	}
}

func raisedAtAnyPlace(t *testing.T, level int) {
	var log []command.Entry
	for _, line := range released(t, level) {
		if what, _, more := strings.Cut(line, " "); !more {
			log = append(log, entryOf(t, what))
		}
	}
	r := rand.New(rand.NewPCG(1, 4))
	for range 8 {
		at := 32 + r.IntN(len(log)-32)
		t.Logf("raised at entry %d", at)
		replicas := []*state.State{state.New(), state.New()}
		for i := range len(log) + 1 {
			var e command.Entry
			switch {
			case i < at:
				e = log[i]
			case i == at:
				e = command.Entry{At: log[i-1].At, Command: command.Raise{Level: level + 1}}
			default:
				e = log[i-1]
				if level < api.LevelWishes {
					e = later(e, replicas[0])
				}
			}
			for n, s := range replicas {
				s.Apply(s.Index()+1, e)
				if n == 1 && r.IntN(100) == 0 || i == at {
					replicas[n] = restored(t, s)
				}
			}
			if i >= at && i%20 == 0 || i == at {
				if err := replicas[0].Check(); err != nil {
					t.Fatalf("raised at %d, entry %d: %v", at, i, err)
				}
			}
			if replicas[0].Hash() != replicas[1].Hash() {
				t.Fatalf("raised at %d: the replicas differ at entry %d, %+v", at, i, e)
			}
		}
		if err := replicas[0].Check(); err != nil {
			t.Fatalf("raised at %d: %v", at, err)
		}
	}
}

// later is an entry of the history of level 3 as a leader of level 4 would have written it.
func later(e command.Entry, s *state.State) command.Entry {
	first := func(k api.Key) uint64 {
		if task := s.Task(k); task != nil {
			if w, ok := s.Wish(task); ok {
				return w.Experiment
			}
		}
		return 0
	}
	switch c := e.Command.(type) {
	case command.Place:
		c.Experiment = first(c.Task)
		e.Command = c
	case command.Resize:
		c.Experiment = first(c.Task)
		e.Command = c
	case command.Leave:
		if w := s.Worker(c.Worker); w != nil {
			c.Incarnation = w.Incarnation
		}
		e.Command = c
	case command.Join:
		c.Issue, c.Boot = s.Index()%3 == 0, "b"
		e.Command = c
	}
	return e
}

// restored is a state read back from its snapshot.
func restored(t *testing.T, s *state.State) *state.State {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	out, err := state.Decode(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if out.Hash() != s.Hash() {
		t.Fatal("a state that is read back is another")
	}
	return out
}
