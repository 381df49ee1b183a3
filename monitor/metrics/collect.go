package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/monitor"
)

// Definition is one metric.
type Definition struct {
	Name   string
	Type   string // "gauge", "counter", "histogram"
	Labels []string
	Help   string
}

// The names.
const (
	reachable    = "latchkey_protector_reachable"
	lastSuccess  = "latchkey_protector_last_success_timestamp_seconds"
	checksTotal  = "latchkey_protector_checks_total"
	checkSeconds = "latchkey_protector_check_seconds"
	state        = "latchkey_database_state"
	stateSince   = "latchkey_database_state_since_timestamp_seconds"
	outage       = "latchkey_database_outage_seconds"
	expires      = "latchkey_expires_seconds"
	waiting      = "latchkey_sink_waiting_records"
	delivered    = "latchkey_sink_delivered_total"
	dead         = "latchkey_sink_dead_total"
	failures     = "latchkey_sink_failures_total"
	failing      = "latchkey_sink_failing_seconds"
	sinkSuccess  = "latchkey_sink_last_success_timestamp_seconds"
	heartbeat    = "latchkey_monitor_heartbeat_timestamp_seconds"
)

// Definitions lists the metrics of this package.
func Definitions() []Definition {
	protector, database, sink := []string{"protector"}, []string{"database"}, []string{"sink", "kind"}
	return []Definition{
		{heartbeat, "gauge", nil, "When the monitor last looked at what there is to check. It stands still when the monitor does."},
		{reachable, "gauge", protector, "1 if the last check of a key was granted, 0 if it was refused or had no answer."},
		{lastSuccess, "gauge", protector, "When a check of a key was last granted, since the start."},
		{checksTotal, "counter", []string{"protector", "cause"}, "Checks of a key by what they found: Granted, or the name of the cause."},
		{checkSeconds, "histogram", protector, "How long a check of a key took: an unwrap through the whole way."},
		{state, "gauge", []string{"database", "state"}, "1 for the state that a database's access to its key has, 0 for the others: ONLINE, SUSPECT, INACCESSIBLE, NEEDS_REVALIDATION, REVALIDATING."},
		{stateSince, "gauge", database, "When that state began."},
		{outage, "gauge", database, "For how long the key store has not answered for a database's key; 0 if it does."},
		{expires, "gauge", []string{"kind", "object"}, "Seconds until a client secret, a certificate or a key ends; less than 0 once it has."},
		{waiting, "gauge", sink, "Records of the activity log that a sink has not taken."},
		{delivered, "counter", sink, "Records that a sink took, since the start."},
		{dead, "counter", sink, "Records that a sink will never get: dead letters, and those it missed, since the start."},
		{failures, "counter", sink, "Tries to send to a sink that failed, since the start."},
		{failing, "gauge", sink, "For how long a sink has been failing; 0 if its last try worked."},
		{sinkSuccess, "gauge", sink, "When a sink last took something, a heartbeat too, since the start."},
	}
}

// collector reads what others know when it is asked.
type collector struct{ m *Metrics }

// Describe is prometheus.Collector's.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.m.descs {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	m := c.m
	now := m.cfg.Clock.Now()
	put := func(name string, kind prometheus.ValueType, v float64, labels ...string) {
		for i, l := range labels {
			labels[i] = clean(l)
		}
		if p, err := prometheus.NewConstMetric(m.descs[name], kind, v, labels...); err == nil {
			ch <- p
		}
	}
	gauge := func(name string, v float64, labels ...string) { put(name, prometheus.GaugeValue, v, labels...) }
	m.mu.Lock()
	cfg := m.cfg
	if !m.round.IsZero() {
		gauge(heartbeat, seconds(m.round))
	}
	for key, p := range m.protectors {
		ok := 0.0
		if p.cause == monitor.Granted {
			ok = 1
		}
		gauge(reachable, ok, key)
		if !p.lastOK.IsZero() {
			gauge(lastSuccess, seconds(p.lastOK), key)
		}
	}
	m.mu.Unlock()
	if cfg.Subjects != nil {
		for _, i := range cfg.Subjects() {
			for s := monitor.Online; s <= monitor.Revalidating; s++ {
				v := 0.0
				if s == i.State {
					v = 1
				}
				gauge(state, v, i.Name, s.String())
			}
			gauge(stateSince, seconds(i.Since), i.Name)
			d := 0.0
			if !i.Outage.IsZero() {
				d = now.Sub(i.Outage).Seconds()
			}
			gauge(outage, d, i.Name)
		}
	}
	if cfg.Expiries != nil {
		for _, i := range cfg.Expiries() {
			gauge(expires, i.NotAfter.Sub(now).Seconds(), i.Kind, i.Object)
		}
	}
	if cfg.Sinks != nil {
		for _, s := range cfg.Sinks() {
			gauge(waiting, float64(s.Waiting), s.Name, s.Kind)
			put(delivered, prometheus.CounterValue, float64(s.Delivered), s.Name, s.Kind)
			put(dead, prometheus.CounterValue, float64(s.Dead), s.Name, s.Kind)
			put(failures, prometheus.CounterValue, float64(s.Failures), s.Name, s.Kind)
			d := 0.0
			if !s.Since.IsZero() {
				d = now.Sub(s.Since).Seconds()
			}
			gauge(failing, d, s.Name, s.Kind)
			if !s.LastOK.IsZero() {
				gauge(sinkSuccess, seconds(s.LastOK), s.Name, s.Kind)
			}
		}
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// clean makes a label that a scraper takes: names of databases may hold anything.
func clean(s string) string { return strings.ToValidUTF8(s, "?") }
