package server

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// maxKnown is how many tasks a worker may speak of though it has them no more.
const maxKnown = 10_000

// conversation is what a worker and a coordinator have told each other: what the worker's word
// means in a state, and what the worker is to be told of it. It knows nothing of streams,
// clocks or the log.
type conversation struct {
	worker string

	mu    sync.Mutex
	join  command.Join     // with the process's incarnation
	issue bool             // it has no incarnation of the state's yet
	duty  duty             // what it was told to do
	told  bool             // it has its first record, be it empty: it may still run what it is not to
	known map[api.Key]bool // tasks that were assigned
}

// converse begins with a worker's hello, if it is the word of who it is about.
func converse(w *who, h *apiv1.Hello, graceMS int64) (*conversation, error) {
	j, err := joinOf(w, h)
	return &conversation{worker: h.Worker, join: j, issue: h.Issue, duty: duty{grace: graceMS}, known: map[api.Key]bool{}}, err
}

// joinOf is what a hello says.
func joinOf(w *who, h *apiv1.Hello) (command.Join, error) {
	j := command.Join{
		Worker: h.Worker, Incarnation: h.Incarnation, Class: h.Numerics, Device: h.Device, Memory: h.MemoryBytes, Host: h.Host, Slots: int(h.Slots),
		Boot: h.Boot, Address: h.Address,
	}
	if w.role == worker && w.caller.Name != h.Worker {
		return j, rpcerr.New(rpcerr.NotPermitted, "%s says that it is worker %q", w.caller, h.Worker).
			WithHint("start it with --id %s, or issue a certificate for %q", w.caller.Name, h.Worker)
	}
	if err := api.CheckNumerics(h.Numerics); err != nil {
		return j, rpcerr.New(rpcerr.BadRequest, "worker %s: %w", h.Worker, err)
	}
	if h.Incarnation == 0 {
		return j, rpcerr.New(rpcerr.BadRequest, "worker %s has no incarnation", h.Worker)
	}
	if err := checkAddress(h.Address); err != nil {
		return j, rpcerr.New(rpcerr.BadRequest, "worker %s: %w", h.Worker, err)
	}
	var err error
	if j.Cached, err = fingerprints(h.Cached); err != nil {
		return j, err
	}
	_, err = command.Encode(command.Entry{Command: j})
	return j, err
}

// checkAddress refuses where nobody could reach a worker; empty is one that trains alone.
func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return fmt.Errorf("address %.64q is no host:port", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %.64q has no port that can be dialled", address)
	}
	return nil
}

// fingerprints reads a sorted list of keys of data.
func fingerprints(texts []string) ([]api.Key, error) {
	if len(texts) > command.MaxCached {
		return nil, rpcerr.New(rpcerr.TooLarge, "%d data sets, at most %d", len(texts), command.MaxCached)
	}
	var keys []api.Key
	for _, text := range texts {
		k, err := api.ParseKey(text)
		if err != nil {
			return nil, rpcerr.New(rpcerr.BadRequest, "fingerprint of data: %w", err)
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, api.Key.Compare)
	return slices.Compact(keys), nil
}

// incarnation is the number of the worker's process.
func (c *conversation) incarnation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.join.Incarnation
}

// before says whether the worker's process began before another's, as far as that can be told.
func (c *conversation) before(o *conversation) bool {
	other := o.incarnation()
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.issue && c.join.Incarnation < other
}

// joins is the command by which a state has the worker as it says that it is; ok is false if
// it has. A hello is compared whole, a heartbeat with what tells processes apart. last says how
// far the tasks were of a process whose place is taken.
func (c *conversation) joins(snapshot *state.Snapshot, hello bool, last func(*state.Worker) []command.Progress) (j command.Join, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, j := snapshot.Worker(c.worker), c.join
	fenced := snapshot.Level() >= api.LevelWishes
	if snapshot.Level() < api.LevelGangs {
		j.Address = ""
	}
	switch {
	case !fenced:
		j.Boot = ""
	case c.issue:
		j.Issue, j.Incarnation = true, 0
	}
	fits := !j.Issue && w != nil && !w.Lost && w.Incarnation == j.Incarnation && w.Address == j.Address
	if fits && (!hello || w.Class == j.Class && w.Device == j.Device && w.Memory == j.Memory && w.Host == j.Host &&
		w.Slots == j.Slots && w.Boot == j.Boot && slices.Equal(w.Cached, j.Cached)) {
		return j, false
	}
	if fenced && w != nil && (j.Issue || w.Incarnation != j.Incarnation) {
		j.Progress = last(w)
	}
	return j, true
}

// named takes the incarnation that the state has issued to the worker's process.
func (c *conversation) named(incarnation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.issue, c.join.Incarnation = false, incarnation
}

// next is what the worker is to be told of a state: if that changed, or always; nil if there
// is nothing to tell. The first record is told, be it empty.
func (c *conversation) next(snapshot *state.Snapshot, now int64, always bool) *apiv1.Assignments {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, tasks := c.duty.next(snapshot, c.worker, c.join.Incarnation, now, always || !c.told)
	if m == nil {
		return nil
	}
	c.told = true
	if len(c.known) > maxKnown {
		clear(c.known)
	}
	for _, k := range tasks {
		c.known[k] = true
	}
	return m
}

// report is the command of a worker's word on a task.
func (c *conversation) report(m *apiv1.Report) (command.Command, error) {
	k, err := api.ParseKey(m.Task)
	if err != nil {
		return nil, rpcerr.New(rpcerr.BadRequest, "report of %s: %w", c.worker, err)
	}
	r := command.Report{Task: k, Worker: c.worker, Incarnation: c.incarnation(), Generation: m.Generation}
	switch m.Kind {
	case apiv1.ReportKind_REPORT_KIND_STARTED:
		return command.Started{Report: r}, nil
	case apiv1.ReportKind_REPORT_KIND_DONE:
		return command.Done{Report: r}, nil
	case apiv1.ReportKind_REPORT_KIND_FAILED:
		return command.Failed{Report: r, Reason: clip(m.Reason, maxReason), Permanent: m.Permanent}, nil
	case apiv1.ReportKind_REPORT_KIND_INTERRUPTED:
		return command.Interrupted{Report: r}, nil
	case apiv1.ReportKind_REPORT_KIND_RELEASED:
		return command.Released{Report: r}, nil
	}
	return nil, rpcerr.New(rpcerr.BadRequest, "report of %s: unknown kind %d", c.worker, m.Kind)
}

// cache is the command of what data the worker says that it has at hand.
func (c *conversation) cache(m *apiv1.Cached) (command.Cache, error) {
	keys, err := fingerprints(m.GetCached())
	return command.Cache{Worker: c.worker, Incarnation: c.incarnation(), Cached: keys}, err
}

// cached notes that the state knows what data the worker has.
func (c *conversation) cached(keys []api.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.join.Cached = keys
}

// speaksOf says whether the worker has something to say of a task: it has it, or had it.
func (c *conversation) speaksOf(snapshot *state.Snapshot, task string) (k api.Key, ok bool, err error) {
	if k, err = api.ParseKey(task); err != nil {
		return k, false, rpcerr.New(rpcerr.BadRequest, "note of %s: %w", c.worker, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := snapshot.Task(k)
	return k, t != nil && (c.known[k] || t.Home == c.worker), nil
}

// suspects is the command that has a gang go on without the members that do not answer one of
// them; ok is false if the gang is another already, or too small without them: then leases
// decide. A lease takes long to end, and a gang stands still meanwhile; what is lost if the
// suspects live is a generation. They keep their slots until they say that they have left them,
// or their lease ends. Of two that suspect each other the one that is heard first stays.
func (c *conversation) suspects(snapshot *state.Snapshot, m *apiv1.Suspect) (r command.Resize, ok bool, err error) {
	k, err := api.ParseKey(m.Task)
	if err != nil {
		return r, false, rpcerr.New(rpcerr.BadRequest, "suspicion of %s: %w", c.worker, err)
	}
	if len(m.Workers) > command.MaxParts {
		return r, false, rpcerr.New(rpcerr.TooLarge, "%d suspects, at most %d", len(m.Workers), command.MaxParts)
	}
	r, ok = scheduler.Regroup(snapshot, k, m.Generation, c.worker, m.Workers)
	return r, ok, nil
}

// waits is what the worker says of members of its gang that it waits for, though they answer.
func (c *conversation) waits(snapshot *state.Snapshot, m *apiv1.Suspect) ([]scheduler.Late, error) {
	k, err := api.ParseKey(m.Task)
	if err != nil || len(m.Workers) > command.MaxParts || !(m.Waited <= 1) {
		return nil, rpcerr.New(rpcerr.BadRequest, "%s says that task %.100q waits %v of its time for %d workers", c.worker, m.Task, m.Waited, len(m.Workers))
	}
	t := snapshot.Task(k)
	in := func(worker string) bool {
		return t != nil && t.Generation == m.Generation && slices.ContainsFunc(t.Parts, func(p command.Part) bool { return p.Worker == worker })
	}
	var out []scheduler.Late
	for _, w := range m.Workers {
		if !in(c.worker) || !in(w) || w == c.worker {
			continue
		}
		out = append(out, scheduler.Late{Task: k, Generation: m.Generation, Worker: w, Waited: m.Waited})
	}
	return out, nil
}

// leaves is the command that forgets the worker, if no other process has its place.
func (c *conversation) leaves(snapshot *state.Snapshot) command.Leave {
	return leave(snapshot, c.worker, c.incarnation())
}
