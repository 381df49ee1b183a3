package setting_test

import (
	"errors"
	"testing"

	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
)

func TestSwitches(t *testing.T) {
	s := setting.Default(true)
	if !s.Has(setting.AnsiNulls) || !s.Has(setting.QuotedIdentifier) || s.Has(setting.NoCount) || s.Options() != 5432 {
		t.Errorf("a new session has options %d", s.Options())
	}
	if d := setting.Default(false); d.Options() != 0 {
		t.Errorf("a login without ODBC has options %d", d.Options())
	}
	for _, test := range []struct {
		name   string
		on     bool
		number int
	}{
		{"NOCOUNT", true, 0},
		{"XACT_ABORT", true, 0},
		{"FORCEPLAN", true, 0},
		{"STATISTICS IO", true, 0},
		{"SHOWPLAN_XML", false, 0},
		{"SHOWPLAN_XML", true, 40517},
		{"NOT_AN_OPTION", true, 195},
	} {
		err := s.Switch(test.name, test.on)
		if (err == nil) != (test.number == 0) || err != nil && !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("SET %s %v: %v", test.name, test.on, err)
		}
	}
	if s.Options()&512 == 0 || !s.Has(setting.XactAbort) {
		t.Error("a switch had no effect")
	}
}

func TestValues(t *testing.T) {
	s := setting.Default(true)
	for _, test := range []struct {
		name   string
		n      int64
		number int
	}{
		{"DATEFIRST", 1, 0},
		{"DATEFIRST", 8, 2742},
		{"LOCK_TIMEOUT", -1, 0},
		{"LOCK_TIMEOUT", -2, 2769},
		{"ROWCOUNT", 5, 0},
		{"ROWCOUNT", -5, 2769},
		{"TEXTSIZE", 0, 0},
		{"DEADLOCK_PRIORITY", 10, 0},
		{"DEADLOCK_PRIORITY", 11, 2769},
	} {
		err := s.Assign(test.name, test.n)
		if (err == nil) != (test.number == 0) || err != nil && !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("SET %s %d: %v", test.name, test.n, err)
		}
	}
	if s.DateFirst != 1 || s.RowCount != 5 || s.TextSize != 4096 || s.DeadlockPriority != 10 {
		t.Errorf("%+v", s)
	}
	if err := s.AssignText("LANGUAGE", "british"); err != nil || s.DateFirst != 1 || s.Language != "British" {
		t.Errorf("%v, %+v", err, s)
	}
	if err := s.Level("SNAPSHOT"); err != nil || s.Isolation != setting.Snapshot {
		t.Errorf("%v, %v", err, s.Isolation)
	}
	a, b := setting.Default(true), setting.Default(true)
	b.LockTimeout = 7
	if a.Key() != b.Key() {
		t.Error("a lock timeout makes another plan")
	}
	b.DateFirst = 1
	if a.Key() == b.Key() {
		t.Error("DATEFIRST makes no other plan")
	}
}
