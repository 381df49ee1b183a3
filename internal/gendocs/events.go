package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/app/alerts"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/monitor/metrics"
	"latchkey/monitor/notify/syslog"
)

// writeEvents writes what sinks get and what Prometheus sees.
func writeEvents(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Events and metrics

What [the monitor](monitor.md) tells. [How it is written](formats/notifications.md).

## Events

Names, statuses and texts of the first two are those of Azure SQL's activity log. Severity is that of syslog: 2 critical, 3 error, 4 warning, 5 notice, 6 informational.

| event | status | severity | from | means |
|---|---|---|---|---|
`)
	for _, e := range alerts.Events() {
		fmt.Fprintf(&b, "| `%s` | %s | %d | %s | %s |\n", e.Name, e.Status, syslog.Severity(e.Name, e.Status), e.From, cell(e.Meaning))
	}
	b.WriteString(`
## Metrics

| metric | type | labels | is |
|---|---|---|---|
`)
	rows := metrics.Definitions()
	more, err := connectorMetrics()
	if err != nil {
		return err
	}
	for _, d := range append(rows, more...) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Type, strings.Join(d.Labels, ", "), cell(d.Help))
	}
	b.WriteString("\nBeside them those of the Go runtime (`go_...`) and of the process (`process_...`).\n")
	_, err = io.WriteString(w, b.String())
	return err
}

var descForm = regexp.MustCompile(`fqName: "([^"]*)", help: "([^"]*)".*variableLabels: \{([^}]*)\}`)

// connectorMetrics lists what a connector registers.
func connectorMetrics() (out []metrics.Definition, err error) {
	c := &capture{}
	p, err := connector.New(connector.Config{
		Open: func(context.Context, *ekm.Credential) (connector.Vault, error) { return nil, errors.New("none") }, Map: noMap{}, Metrics: c,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, one := range c.all {
		kind := "counter"
		switch one.(type) {
		case *prometheus.GaugeVec:
			kind = "gauge"
		case *prometheus.HistogramVec:
			kind = "histogram"
		}
		ch := make(chan *prometheus.Desc, 10)
		one.Describe(ch)
		close(ch)
		for d := range ch {
			m := descForm.FindStringSubmatch(d.String())
			if m == nil {
				return nil, fmt.Errorf("the description of a metric does not read: %s", d)
			}
			var labels []string
			if m[3] != "" {
				labels = strings.Split(m[3], ",")
			}
			out = append(out, metrics.Definition{Name: m[1], Type: kind, Labels: labels, Help: m[2]})
		}
	}
	slices.SortFunc(out, func(a, b metrics.Definition) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// capture is a Registerer that keeps what it is given.
type capture struct {
	prometheus.Registerer
	all []prometheus.Collector
}

// Register keeps a collector.
func (c *capture) Register(x prometheus.Collector) error {
	c.all = append(c.all, x)
	return nil
}

type noMap struct{}

func (noMap) Get(context.Context, string, ekm.Thumbprint) (string, error) {
	return "", keymap.ErrNotFound
}
func (noMap) Put(context.Context, keymap.Entry) error { return nil }
func (noMap) Check(context.Context) error             { return nil }
