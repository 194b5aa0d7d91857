package cluster

import (
	"os"
	"strings"
	"time"

	"g2c/internal/netfault"
)

// What may happen to the network between the workers of a gang. Each has an address that
// leads through a link, so that what others dial can be stalled, cut and slowed.

// trainsTogether waits until several workers train an experiment's fine-tuning, and says
// whether they do: it may be over before.
func (g *gangs) trainsTogether(experiment string) bool {
	g.t.Helper()
	key, together := g.finetuning(experiment), false
	eventually(g.t, 3*time.Minute, "training together", func() bool {
		for _, a := range g.attendances() {
			if strings.HasPrefix(key, a.task) && a.members > 1 && !a.trains.IsZero() {
				together = true
			}
		}
		return together || int(g.counts(experiment).Done) == 4
	})
	return together
}

// suspicions counts how often a worker has said that another does not answer.
func (g *gangs) suspicions() int {
	n := 0
	for _, w := range g.workers {
		b, err := os.ReadFile(w.log)
		if err != nil {
			g.t.Fatal(err)
		}
		n += strings.Count(string(b), "members of a gang do not answer")
	}
	return n
}

// breaks does something to the links to the first two workers while they train together, until
// one of them has missed another. All pairs of three have such a link between them.
func (g *gangs) breaks(experiment string, do func(*netfault.Link)) {
	g.t.Helper()
	if !g.trainsTogether(experiment) {
		g.t.Log("the fine-tuning was over before anything could happen to it")
		return
	}
	before, ways := g.suspicions(), []*netfault.Link{g.ways["w1"], g.ways["w2"]}
	for _, l := range ways {
		do(l)
	}
	eventually(g.t, 2*time.Minute, "missed", func() bool { return g.suspicions() > before || int(g.counts(experiment).Done) == 4 })
	if g.suspicions() == before {
		g.t.Log("nobody was missed")
	}
	for _, l := range ways {
		l.Heal()
	}
}

// stalled has nothing pass between workers any more, while their connections stay open.
func (g *gangs) stalled(experiment string) { g.breaks(experiment, (*netfault.Link).Stall) }

// oneWay has workers hear nothing of those that dialled them, who hear them.
func (g *gangs) oneWay(experiment string) { g.breaks(experiment, (*netfault.Link).StallOneWay) }

// cut breaks the connections between workers, and all that they try.
func (g *gangs) cut(experiment string) { g.breaks(experiment, (*netfault.Link).Cut) }

// slow has every byte come 50 ms late, at 20 MB/s: the gang is slower for it and nothing else.
func (g *gangs) slow(experiment string) {
	g.trainsTogether(experiment)
	before := g.suspicions()
	for _, l := range g.ways {
		l.Delay(50 * time.Millisecond)
		l.Slow(50 * time.Millisecond)
	}
	g.done(experiment, 4, 4*time.Minute)
	for _, l := range g.ways {
		l.Delay(0)
		l.Slow(0)
	}
	if n := g.suspicions() - before; n > 0 {
		g.t.Errorf("workers were missed %d times though the network was only slow", n)
	}
}

// unled cuts a worker off from all coordinators, but not from its gang, for longer than its
// lease: it has to stop, and the others go on.
func (g *gangs) unled(experiment string) {
	g.trainsTogether(experiment)
	w := g.one()
	for _, l := range w.links {
		l.Stall()
	}
	eventually(g.t, time.Minute, "lost", func() bool { return g.lost(w.id) || int(g.counts(experiment).Done) == 4 })
	for _, l := range w.links {
		l.Heal()
	}
}
