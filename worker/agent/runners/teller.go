package runners

import (
	"math"
	"sync"
	"time"

	"g2c/worker/agent"
)

// teller says to the worker what the run says.
type teller struct {
	conn    *conn
	out     *agent.Output
	wake    <-chan struct{}
	stop    chan struct{}
	running sync.WaitGroup
	began   uint64 // the generation that was said last
}

// tellEvery is how late the worker hears of what can wait.
const tellEvery = 100 * time.Millisecond

func (t *teller) run() {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-t.wake:
		case <-tick.C:
		}
		if t.flush() != nil {
			return // the worker is gone: hear says so
		}
	}
}

// end says all that is left to say, and the outcome.
func (t *teller) end(result error) error {
	close(t.stop)
	t.running.Wait()
	err := t.flush()
	if err == nil {
		err = t.conn.send(kindOutcome, ended{outcomeOf(result)})
	}
	if err != nil {
		return gone(err)
	}
	return nil
}

// flush sends what was not sent.
func (t *teller) flush() error {
	began := t.out.Trains() // the lines of a generation were written before it is said to train
	news := t.out.Take()
	s := said{Lines: news.Lines, Progress: news.Progress, Suspicion: t.out.Suspicion()}
	for _, p := range news.Points {
		s.Points = append(s.Points, point{p.Name, p.Step, math.Float64bits(p.Value)})
	}
	if began > t.began {
		s.Began, t.began = began, began
	}
	if s.empty() {
		return nil
	}
	return t.conn.send(kindSaid, s)
}
