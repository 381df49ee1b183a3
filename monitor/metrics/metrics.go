// Package metrics shows the monitor to Prometheus: protectors and their checks, databases' states, what ends, sinks, and that the monitor runs at all.
//
// Make a [Metrics] with [New], give its Observe and Round to watch.Config, register others' metrics with [Metrics.Registerer], and serve [Metrics.Handler] on a listener of
// its own. [Definitions] lists what there is, for the documentation. Labels hold names of databases, thumbprints, kinds and objects, never a secret; their number is bounded by what
// is watched.
package metrics

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"latchkey/internal/clock"
	"latchkey/monitor"
	"latchkey/monitor/expiry"
	"latchkey/monitor/notify"
	"latchkey/monitor/watch"
)

// Config says what to show; nil functions show nothing.
type Config struct {
	Subjects func() []watch.Info
	Sinks    func() []notify.Status
	Expiries func() []expiry.Info
	Clock    clock.Clock  // nil means the machine's
	Log      *slog.Logger // nil discards
}

// Metrics collects. It is safe for concurrent use.
type Metrics struct {
	cfg      Config
	registry *prometheus.Registry
	checks   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	descs    map[string]*prometheus.Desc

	mu         sync.Mutex
	protectors map[string]*protector
	round      time.Time
}

// protector is what is known of a key, by its thumbprint.
type protector struct {
	cause  monitor.Cause
	lastOK time.Time
	used   time.Time
}

// New makes the metrics and registers those of the Go runtime and the process.
func New(cfg Config) *Metrics {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Metrics{cfg: cfg, registry: prometheus.NewRegistry(), descs: make(map[string]*prometheus.Desc), protectors: make(map[string]*protector)}
	for _, d := range Definitions() {
		switch d.Name {
		case checksTotal:
			m.checks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
		case checkSeconds:
			m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
				Name: d.Name, Help: d.Help, Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			}, d.Labels)
		default:
			m.descs[d.Name] = prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
		}
	}
	m.registry.MustRegister(m.checks, m.seconds, collector{m}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Set gives the sources of metrics after New. It is called once, before Handler serves.
func (m *Metrics) Set(subjects func() []watch.Info, sinks func() []notify.Status, expiries func() []expiry.Info) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg.Subjects, m.cfg.Sinks, m.cfg.Expiries = subjects, sinks, expiries
}

// Registerer is where others' metrics go.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// Handler serves the metrics in Prometheus' and OpenMetrics' text formats, to any path.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 20 * time.Second, ErrorLog: slog.NewLogLogger(m.cfg.Log.Handler(), slog.LevelWarn),
	})
}

// maxProtectors bounds the keys with metrics; who was checked least recently goes.
const maxProtectors = 10_000

// Observe takes a check's result; it is watch.Config.Observe.
func (m *Metrics) Observe(s watch.Subject, r monitor.Result, took time.Duration) {
	key := s.Key
	if key == "" {
		key = s.Name
	}
	key = clean(key)
	m.checks.WithLabelValues(key, causeName(r.Cause)).Inc()
	m.seconds.WithLabelValues(key).Observe(took.Seconds())
	now := m.cfg.Clock.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.protectors[key]
	if p == nil {
		if len(m.protectors) >= maxProtectors {
			m.forgetLocked()
		}
		p = &protector{}
		m.protectors[key] = p
	}
	p.cause, p.used = r.Cause, now
	if r.Cause == monitor.Granted {
		p.lastOK = now
	}
}

func (m *Metrics) forgetLocked() {
	var oldest string
	for k, p := range m.protectors {
		if oldest == "" || p.used.Before(m.protectors[oldest].used) {
			oldest = k
		}
	}
	delete(m.protectors, oldest)
	m.checks.DeletePartialMatch(prometheus.Labels{"protector": oldest})
	m.seconds.DeletePartialMatch(prometheus.Labels{"protector": oldest})
}

// Round notes that the monitor runs; it is watch.Config.Round.
func (m *Metrics) Round(now time.Time) {
	m.mu.Lock()
	m.round = now
	m.mu.Unlock()
}

func causeName(c monitor.Cause) string {
	if c == monitor.Granted {
		return "Granted"
	}
	return c.Name()
}
