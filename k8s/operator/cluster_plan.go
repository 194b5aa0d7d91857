package operator

import "fmt"

// mostCoordinators is how many coordinators a Cluster can have.
const mostCoordinators = 5

// coordinator is one of a Cluster's, by its number: what Kubernetes says of its pod, and what
// the others say of it as a member.
type coordinator struct {
	pod      bool // there is one that is not on its way out
	leaving  bool // there is one that is
	ready    bool // the pod: it votes, and has caught up
	stuck    bool // the pod is not ready, and has not been for a while
	outdated bool // the pod is of an old template
	member   bool
	voter    bool
	healthy  bool // the leader hears of it
	replaced bool // its data folder is another than the member's
	claim    bool // there is a claim of its volume
}

// sound says whether a coordinator does what one is for.
func (c coordinator) sound() bool {
	return c.pod && c.ready && c.member && c.voter && c.healthy && !c.replaced
}

// situation is all that decides the next step of a Cluster's coordinators.
type situation struct {
	want    int  // how many there are to be
	stated  int  // how many the StatefulSet has; 0 if there is none
	founded bool // they made up a cluster once
	settled bool // what is known of templates is of the StatefulSet's newest state
	leader  int  // number of the one that leads; below 0 if none is known
	project bool // the namespace's is there
	level   uint32
	reads   uint32 // level that this release reads
	all     [mostCoordinators]coordinator
}

// act is a kind of change.
type act int

const (
	wait     act = iota
	state        // the StatefulSet is to have n replicas
	remove       // coordinator n is taken out of the cluster
	transfer     // another coordinator is to lead
	forget       // the claim of coordinator n's volume is deleted
	restart      // the pod of coordinator n is deleted, and comes again as the template says
	enrol        // the namespace's project is made
	raise        // commands may be of this release's level
)

// step is what is done next, and why; without a reason all is as it is stated.
type step struct {
	act     act
	n       int
	reason  string
	message string
}

func say(a act, n int, reason, message string, args ...any) step {
	return step{a, n, reason, fmt.Sprintf(message, args...)}
}

// next decides the next step. One thing changes at a time, and each follows from what is
// seen: an operator that is begun anew decides the same.
//
// What it keeps: nobody is taken out or restarted while another is not sound, unless that one
// is it, or the majority does not need it; a volume is forgotten only of who is no member and
// has no pod.
func (s *situation) next() step {
	if s.stated == 0 {
		return say(state, s.want, "Founding", "%d coordinators are started", s.want)
	}
	if n := s.broken(); n >= 0 {
		return say(restart, n, "Updating", "coordinator %d is of an old template and does not get ready: it is started anew", n)
	}
	if !s.founded {
		return say(wait, 0, "Founding", "%d coordinators are to find each other", s.stated)
	}
	if s.leader < 0 {
		if n := s.highest(); n > s.stated && n <= s.want { // volumes of more members came back
			return say(state, n, "NoLeader", "%d coordinators were members", n)
		}
		return say(wait, 0, "NoLeader", "no coordinator leads, or none can be reached")
	}
	if !s.project {
		return say(enrol, 0, "Enrolling", "the project of the namespace is made")
	}
	for i := range s.stated {
		if s.all[i].replaced && i != s.leader {
			return say(remove, i, "Replacing", "the volume of coordinator %d is new: it is taken out, and joins anew", i)
		}
	}
	if s.stated > s.want {
		return s.shrink()
	}
	for i := range s.stated {
		if !s.all[i].sound() {
			return say(wait, i, "NotReady", "coordinator %d is not ready, or does not vote yet", i)
		}
	}
	if !s.settled {
		return say(wait, 0, "Updating", "the StatefulSet has not taken up its newest state")
	}
	if n := s.nextOutdated(); n >= 0 {
		return say(restart, n, "Updating", "coordinator %d is of an old template", n)
	}
	if s.stated < s.want {
		return s.grow()
	}
	if s.level < s.reads {
		return say(raise, 0, "Raising", "commands are of level %d, and this release reads %d", s.level, s.reads)
	}
	return step{}
}

// broken finds a coordinator that a new template may mend, and that is not needed meanwhile:
// the others are a majority, or nobody is ready at all. It is -1 if there is none.
func (s *situation) broken() int {
	ready := 0
	for _, c := range s.all[:s.stated] {
		if c.pod && c.ready {
			ready++
		}
	}
	if !s.settled || ready != 0 && ready < s.stated/2+1 {
		return -1
	}
	for i, c := range s.all[:s.stated] {
		if c.pod && c.outdated && c.stuck {
			return i
		}
	}
	return -1
}

// highest is how many coordinators there are up to the last that is a member.
func (s *situation) highest() int {
	for i := mostCoordinators - 1; i >= 0; i-- {
		if s.all[i].member {
			return i + 1
		}
	}
	return 0
}

// shrink takes the last coordinator out, and only then its pod.
func (s *situation) shrink() step {
	last := s.stated - 1
	switch {
	case s.leader == last:
		return say(transfer, last, "Shrinking", "coordinator %d leads, and is to go", last)
	case s.all[last].member:
		return say(remove, last, "Shrinking", "coordinator %d is taken out", last)
	}
	return say(state, last, "Shrinking", "coordinator %d is no member any more", last)
}

// grow adds a coordinator, with an empty volume: what one that was taken out has kept is of no
// use to anybody.
func (s *situation) grow() step {
	switch n := s.stated; {
	case s.all[n].member:
		return say(state, n+1, "Growing", "coordinator %d is a member, and gets its pod", n)
	case s.all[n].pod || s.all[n].leaving:
		return say(wait, n, "Growing", "an earlier pod of coordinator %d is still to go", n)
	case s.all[n].claim:
		return say(forget, n, "Growing", "the volume of coordinator %d is of one that was taken out", n)
	}
	return say(state, s.stated+1, "Growing", "coordinator %d is to join", s.stated)
}

// nextOutdated is the next coordinator to be started anew, the leader last; -1 if all are of
// the newest template.
func (s *situation) nextOutdated() int {
	for i := s.stated - 1; i >= 0; i-- {
		if s.all[i].outdated && i != s.leader {
			return i
		}
	}
	if s.all[s.leader].outdated {
		return s.leader
	}
	return -1
}
