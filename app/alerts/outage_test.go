package alerts

import (
	"strings"
	"testing"
	"time"

	"latchkey/monitor"
	"latchkey/monitor/activity"
	"latchkey/monitor/watch"
)

// An outage is told once for all databases under a key, when it has lasted, and so is its end; one that is short, or whose databases are gone, is not.
func TestOutages(t *testing.T) {
	var told []activity.Record
	o := &outages{after: 5 * time.Minute, tell: func(r activity.Record) { told = append(told, r) }, known: make(map[string]time.Time)}
	start := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	info := func(name, key string, since time.Time) watch.Info {
		return watch.Info{Subject: watch.Subject{Name: name, Key: key, Open: name != "closed"}, Status: monitor.Status{Outage: since, Last: monitor.Result{Cause: monitor.NoAnswer, Code: 3102}}}
	}
	down := []watch.Info{info("b", "0xAB", start), info("a", "0xAB", start), info("closed", "0xAB", start), info("other", "0xCD", time.Time{})}
	for m := range 20 {
		o.look(start.Add(time.Duration(m)*time.Minute), down)
	}
	if len(told) != 1 || told[0].Event != Unreachable || told[0].Status != "Started" || told[0].Code != 3102 || !strings.Contains(told[0].Description, "key of a since 2026-03-01T03:00:00Z; 2 of 3 run on") {
		t.Fatalf("%+v", told)
	}
	o.look(start.Add(20*time.Minute), []watch.Info{info("a", "0xAB", time.Time{})})
	o.look(start.Add(21*time.Minute), []watch.Info{info("a", "0xAB", start.Add(21*time.Minute))})
	o.look(start.Add(22*time.Minute), []watch.Info{info("a", "0xAB", time.Time{})})
	if len(told) != 2 || told[1].Status != "Succeeded" || !strings.Contains(told[1].Description, "after 20m") {
		t.Fatalf("%+v", told)
	}
	o.look(start.Add(60*time.Minute), down)
	o.look(start.Add(61*time.Minute), nil) // dropped
	if len(told) != 3 || len(o.known) != 0 {
		t.Errorf("%+v", told)
	}
}
