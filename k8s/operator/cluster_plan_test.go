package operator

import (
	"math/rand/v2"
	"testing"
)

// sound is coordinators that are all as they should be.
func sound(n int) *situation {
	s := &situation{want: n, stated: n, founded: true, settled: true, leader: 0, project: true, level: 6, reads: 6}
	for i := range n {
		s.all[i] = coordinator{pod: true, ready: true, member: true, voter: true, healthy: true}
	}
	return s
}

// One step at a time, and each of the kind that is due.
func TestTheNextStepOfCoordinators(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *situation)
		act    act
		n      int
		reason string
	}{
		"all is as stated":                       {func(*situation) {}, wait, 0, ""},
		"nothing is there":                       {func(s *situation) { *s = situation{want: 3, leader: -1} }, state, 3, "Founding"},
		"founders look for each other":           {func(s *situation) { s.founded, s.leader = false, -1 }, wait, 0, "Founding"},
		"nobody leads":                           {func(s *situation) { s.leader = -1 }, wait, 0, "NoLeader"},
		"old volumes are of more members":        {func(s *situation) { s.stated, s.leader = 1, -1 }, state, 3, "NoLeader"},
		"the namespace has no project":           {func(s *situation) { s.project = false }, enrol, 0, "Enrolling"},
		"one is not ready":                       {func(s *situation) { s.all[1].ready = false }, wait, 1, "NotReady"},
		"one learns":                             {func(s *situation) { s.all[1].voter = false }, wait, 1, "NotReady"},
		"one is not heard of":                    {func(s *situation) { s.all[1].healthy = false }, wait, 1, "NotReady"},
		"one lost its volume":                    {func(s *situation) { s.all[2].replaced, s.all[2].ready = true, false }, remove, 2, "Replacing"},
		"one that lost its volume joins":         {func(s *situation) { s.all[2] = coordinator{pod: true} }, wait, 2, "NotReady"},
		"followers are updated first":            {func(s *situation) { outdated(s, 0, 1, 2) }, restart, 2, "Updating"},
		"then the next":                          {func(s *situation) { outdated(s, 0, 1) }, restart, 1, "Updating"},
		"the leader last":                        {func(s *situation) { outdated(s, 0) }, restart, 0, "Updating"},
		"wherever it leads":                      {func(s *situation) { s.leader = 2; outdated(s, 1, 2) }, restart, 1, "Updating"},
		"not while one comes up":                 {func(s *situation) { outdated(s, 0, 1); s.all[2].ready = false }, wait, 2, "NotReady"},
		"not by what is known of an old state":   {func(s *situation) { outdated(s, 0, 1); s.settled = false }, wait, 0, "Updating"},
		"a broken one is mended":                 {func(s *situation) { outdated(s, 0, 1, 2); s.all[1].ready, s.all[1].stuck = false, true }, restart, 1, "Updating"},
		"one that is new and stuck is not":       {func(s *situation) { outdated(s, 0, 1); s.all[2].ready, s.all[2].stuck = false, true }, wait, 2, "NotReady"},
		"of a broken founding, all":              {func(s *situation) { *s = *broken(s) }, restart, 0, "Updating"},
		"two of three away: the third stays":     {func(s *situation) { outdated(s, 0, 1, 2); stuck(s, 1, 2) }, wait, 1, "NotReady"},
		"one becomes two":                        {func(s *situation) { *s = *sound(1); s.want = 3 }, state, 2, "Growing"},
		"two become three once the second votes": {func(s *situation) { *s = *sound(2); s.want = 3 }, state, 3, "Growing"},
		"not before":                             {func(s *situation) { *s = *sound(2); s.want = 3; s.all[1].voter = false }, wait, 1, "NotReady"},
		"an old volume is forgotten":             {func(s *situation) { *s = *sound(1); s.want = 3; s.all[1].claim = true }, forget, 1, "Growing"},
		"not while its pod is there":             {func(s *situation) { *s = *sound(1); s.want = 3; s.all[1] = coordinator{claim: true, leaving: true} }, wait, 1, "Growing"},
		"nor that of a member":                   {func(s *situation) { *s = *sound(1); s.want = 3; s.all[1] = coordinator{claim: true, member: true} }, state, 2, "Growing"},
		"the last is taken out":                  {func(s *situation) { *s = *sound(5); s.want = 3 }, remove, 4, "Shrinking"},
		"unless it leads":                        {func(s *situation) { *s = *sound(5); s.want, s.leader = 3, 4 }, transfer, 4, "Shrinking"},
		"and only then its pod":                  {func(s *situation) { *s = *sound(5); s.want, s.all[4].member = 3, false }, state, 4, "Shrinking"},
		"a dead one goes, too":                   {func(s *situation) { *s = *sound(3); s.want, s.all[2].ready, s.all[2].healthy = 1, false, false }, remove, 2, "Shrinking"},
		"the level is raised":                    {func(s *situation) { s.level = 5 }, raise, 0, "Raising"},
		"not while one is old":                   {func(s *situation) { s.level = 5; outdated(s, 0) }, restart, 0, "Updating"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sound(3)
			c.change(s)
			if got := s.next(); got.act != c.act || got.n != c.n || got.reason != c.reason {
				t.Errorf("got %d of %d, %q: %s; want %d of %d, %q", got.act, got.n, got.reason, got.message, c.act, c.n, c.reason)
			}
		})
	}
}

func outdated(s *situation, which ...int) {
	for _, i := range which {
		s.all[i].outdated = true
	}
}

func stuck(s *situation, which ...int) {
	for _, i := range which {
		s.all[i].ready, s.all[i].stuck = false, true
	}
}

// broken is a founding whose template was wrong.
func broken(s *situation) *situation {
	s.founded, s.leader = false, -1
	outdated(s, 0, 1, 2)
	stuck(s, 0, 1, 2)
	return s
}

// In whatever situation: no step takes a majority away that is there, none forgets what a
// member keeps, and none takes out two at a time.
func TestCoordinatorsKeepTheirMajority(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	coin := func() bool { return r.IntN(2) == 0 }
	acts := map[act]int{}
	for range 200_000 {
		s := &situation{want: 1 + 2*r.IntN(3), stated: 1 + r.IntN(5), founded: coin(), settled: coin(), project: r.IntN(4) > 0, leader: r.IntN(6) - 1, level: 5, reads: 5 + uint32(r.IntN(2))}
		for i := range s.all {
			c := &s.all[i]
			*c = coordinator{pod: r.IntN(4) > 0, leaving: r.IntN(8) == 0, ready: r.IntN(4) > 0, outdated: coin(), member: r.IntN(5) > 0, voter: r.IntN(5) > 0, healthy: r.IntN(5) > 0, replaced: r.IntN(8) == 0, claim: coin()}
			c.stuck, c.replaced = !c.ready && coin(), c.member && c.replaced
		}
		if s.leader >= s.stated {
			s.leader = -1
		}
		if s.leader >= 0 {
			s.all[s.leader] = coordinator{pod: true, ready: true, member: true, voter: true, healthy: true, outdated: coin()}
		}
		st := s.next()
		acts[st.act]++
		ready, able := 0, 0
		for i, c := range s.all[:s.stated] {
			if c.pod && c.ready {
				ready++
				if !(st.act == restart && st.n == i) {
					able++
				}
			}
		}
		switch quorum := s.stated/2 + 1; st.act {
		case restart:
			if ready >= quorum && able < quorum && s.stated > 2 && ready < s.stated {
				t.Fatalf("%+v: restarts %d, and %d of %d are left", s, st.n, able, s.stated)
			}
			if s.all[st.n].ready && ready < s.stated {
				t.Fatalf("%+v: restarts %d, which is ready, while another is not", s, st.n)
			}
		case remove:
			if c := s.all[st.n]; !c.member || st.n == s.leader || !c.replaced && (st.n != s.stated-1 || s.want >= s.stated) {
				t.Fatalf("%+v: takes %d out", s, st.n)
			}
		case forget:
			if c := s.all[st.n]; c.member || c.pod || c.leaving || st.n < s.stated || s.leader < 0 {
				t.Fatalf("%+v: forgets the volume of %d", s, st.n)
			}
		case state:
			if st.n < s.stated && (st.n != s.stated-1 || s.all[st.n].member) {
				t.Fatalf("%+v: takes the pods of members, down to %d", s, st.n)
			}
		}
	}
	for a := wait; a <= raise; a++ {
		if acts[a] == 0 {
			t.Errorf("act %d was never decided", a)
		}
	}
}
