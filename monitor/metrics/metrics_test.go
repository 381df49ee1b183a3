package metrics_test

import (
	"bufio"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/monitor"
	"latchkey/monitor/expiry"
	"latchkey/monitor/metrics"
	"latchkey/monitor/notify"
	"latchkey/monitor/watch"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func TestWhatAScraperSees(t *testing.T) {
	c := clock.NewFake(now)
	m := metrics.New(metrics.Config{Clock: c})
	m.Set(
		func() []watch.Info {
			return []watch.Info{{Subject: watch.Subject{Name: "Sales \xff"}, Status: monitor.Status{State: monitor.Inaccessible, Since: now.Add(-time.Minute), Outage: now.Add(-30 * time.Second)}}}
		},
		func() []notify.Status {
			return []notify.Status{{Name: "ops", Kind: "webhook", Waiting: 3, Delivered: 7, Dead: 1, Failures: 2, Since: now.Add(-time.Hour), LastOK: now.Add(-2 * time.Hour)}}
		},
		func() []expiry.Info {
			return []expiry.Info{{Item: expiry.Item{Kind: "secret", Object: "of the connector", NotAfter: now.Add(time.Hour)}}, {Item: expiry.Item{Kind: "key", Object: "k", NotAfter: now.Add(-time.Second)}}}
		})
	m.Round(now)
	s := watch.Subject{Name: "Sales", Key: "0xAB"}
	m.Observe(s, monitor.Result{}, 20*time.Millisecond)
	c.Advance(time.Second)
	m.Observe(s, monitor.Result{Cause: monitor.KeyNotFound}, time.Second)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body := w.Body.String()
	for _, want := range []string{
		`latchkey_protector_reachable{protector="0xAB"} 0`, `latchkey_protector_last_success_timestamp_seconds{protector="0xAB"} 1.772334e+09`,
		`latchkey_protector_checks_total{cause="Granted",protector="0xAB"} 1`, `latchkey_protector_checks_total{cause="ServerKeyNotFound",protector="0xAB"} 1`,
		`latchkey_protector_check_seconds_bucket{protector="0xAB",le="0.025"} 1`, `latchkey_protector_check_seconds_count{protector="0xAB"} 2`,
		`latchkey_database_state{database="Sales ?",state="INACCESSIBLE"} 1`, `latchkey_database_state{database="Sales ?",state="ONLINE"} 0`, `latchkey_database_outage_seconds{database="Sales ?"} 31`,
		`latchkey_expires_seconds{kind="secret",object="of the connector"} 3599`, `latchkey_expires_seconds{kind="key",object="k"} -2`,
		`latchkey_sink_waiting_records{kind="webhook",sink="ops"} 3`, `latchkey_sink_failing_seconds{kind="webhook",sink="ops"} 3601`, `latchkey_sink_dead_total{kind="webhook",sink="ops"} 1`,
		`latchkey_monitor_heartbeat_timestamp_seconds 1.772334e+09`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
	// Every metric of ours is one that the documentation lists, and the other way round.
	listed := map[string]bool{}
	for _, d := range metrics.Definitions() {
		listed[d.Name] = true
		if !strings.Contains(body, "# TYPE "+d.Name+" "+d.Type) {
			t.Errorf("%s is not shown as a %s", d.Name, d.Type)
		}
	}
	for sc := bufio.NewScanner(strings.NewReader(body)); sc.Scan(); {
		if name, ok := strings.CutPrefix(sc.Text(), "# TYPE latchkey_"); ok && !listed["latchkey_"+strings.Fields(name)[0]] {
			t.Errorf("%s is not listed", name)
		}
	}
}
