package connector

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics turns events into Prometheus metrics, so that counting cannot differ from what was reported.
type metrics struct {
	calls, retries   *prometheus.CounterVec
	seconds          *prometheus.HistogramVec
	shared, rebuilds prometheus.Counter
	down, expires    *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_connector_calls_total", Help: "Calls by operation and code (0 is success).",
		}, []string{"op", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "latchkey_connector_call_seconds", Help: "Duration of calls with all their tries.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"op"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_connector_retries_total", Help: "Tries that failed and were repeated, by operation and class of failure.",
		}, []string{"op", "class"}),
		shared: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "latchkey_connector_shared_unwraps_total", Help: "Unwraps that used the request of an identical one.",
		}),
		down: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "latchkey_connector_vault_down", Help: "1 while a vault does not answer.",
		}, []string{"vault"}),
		expires: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "latchkey_connector_expires_timestamp_seconds", Help: "When something ends, for what ends within 60 days.",
		}, []string{"kind", "object"}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "latchkey_connector_map_rebuilds_total", Help: "Times that the thumbprint map was filled again from the vault.",
		}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.calls, m.seconds, m.retries, m.shared, m.down, m.expires, m.rebuilds} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) observe(e Event) {
	switch e.Kind {
	case CallDone:
		m.calls.WithLabelValues(e.Op, e.Code.String()).Inc()
		m.seconds.WithLabelValues(e.Op).Observe(e.Duration.Seconds())
	case Retried:
		m.retries.WithLabelValues(e.Op, e.Class.String()).Inc()
	case Coalesced:
		m.shared.Inc()
	case VaultDown:
		m.down.WithLabelValues(e.Vault).Set(1)
	case VaultUp:
		m.down.WithLabelValues(e.Vault).Set(0)
	case MapRebuilt:
		m.rebuilds.Inc()
	case Expiring, Expired:
		m.expires.WithLabelValues(e.Expiry.Kind, e.Expiry.Object).Set(float64(e.Expiry.NotAfter.Unix()))
	}
}
