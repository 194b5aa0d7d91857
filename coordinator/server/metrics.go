package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// metrics are what a coordinator says of itself to Prometheus.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	plans   prometheus.Histogram
	reports *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, state *replicated, terms *terms) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "g2c_calls_total", Help: "Calls answered, by method and kind of error.",
		}, []string{"method", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "g2c_call_seconds", Help: "Time until a call was answered; of streams, until they ended.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"method"}),
		plans: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "g2c_plan_seconds", Help: "Time that a plan took.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "g2c_reports_total", Help: "Reports of workers, by kind and whether they were taken.",
		}, []string{"kind", "taken"}),
	}
	if r != nil {
		r.MustRegister(m.calls, m.seconds, m.plans, m.reports, &gauges{state, terms})
	}
	return m
}

func (m *metrics) called(method string, err error, took time.Duration) {
	outcome := "ok"
	if err != nil {
		outcome = rpcerr.KindOf(err).Reason
	}
	if _, known := acl[method]; !known {
		method = "unknown"
	}
	m.calls.WithLabelValues(method, outcome).Inc()
	m.seconds.WithLabelValues(method).Observe(took.Seconds())
}

func (m *metrics) planned(took time.Duration) { m.plans.Observe(took.Seconds()) }

func (m *metrics) reported(kind apiv1.ReportKind, refused error) {
	taken := "yes"
	if refused != nil {
		taken = "no"
	}
	m.reports.WithLabelValues(kind.String(), taken).Inc()
}

// gauges are read off the state when somebody asks.
type gauges struct {
	*replicated
	terms *terms
}

var (
	tasksDesc       = prometheus.NewDesc("g2c_tasks", "Tasks by state.", []string{"state"}, nil)
	workersDesc     = prometheus.NewDesc("g2c_workers", "Workers that are not lost.", nil, nil)
	sessionsDesc    = prometheus.NewDesc("g2c_worker_sessions", "Workers connected to this coordinator, which leads.", nil, nil)
	slotsDesc       = prometheus.NewDesc("g2c_slots", "Slots of workers that are not lost.", []string{"use"}, nil)
	leadsDesc       = prometheus.NewDesc("g2c_leads", "Whether this coordinator leads.", nil, nil)
	termDesc        = prometheus.NewDesc("g2c_raft_term", "Term.", nil, nil)
	appliedDesc     = prometheus.NewDesc("g2c_raft_applied_index", "Index of the state here.", nil, nil)
	uncompactedDesc = prometheus.NewDesc("g2c_raft_uncompacted", "Whether the log cannot be compacted, since its snapshot cannot be read back; the log says why.", nil, nil)
	lagDesc         = prometheus.NewDesc("g2c_raft_lag_entries", "Entries that are committed and not applied here.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tasksDesc, workersDesc, sessionsDesc, slotsDesc, leadsDesc, termDesc, appliedDesc, lagDesc, uncompactedDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	say := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	snapshot, st := g.Snapshot(), g.Status()
	for status := range taskStates {
		say(tasksDesc, float64(snapshot.Count(status)), string(status))
	}
	there, free, held := 0, 0, 0
	for w := range snapshot.Workers("") {
		if !w.Lost {
			there++
			free += w.Free()
			held += w.Slots - w.Free()
		}
	}
	say(workersDesc, float64(there))
	say(slotsDesc, float64(free), "free")
	say(slotsDesc, float64(held), "held")
	sessions, leads := 0, 0.0
	if r, _ := g.terms.now(); r != nil {
		leads, sessions = 1, r.registry.count()
	}
	say(sessionsDesc, float64(sessions))
	say(leadsDesc, leads)
	say(termDesc, float64(st.Term))
	say(appliedDesc, float64(st.Applied))
	uncompacted := 0.0
	if st.Uncompacted != "" {
		uncompacted = 1
	}
	say(uncompactedDesc, uncompacted)
	say(lagDesc, float64(st.Committed-min(st.Applied, st.Committed)))
}
