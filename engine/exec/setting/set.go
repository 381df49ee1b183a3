package setting

import (
	"strconv"
	"strings"

	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype/convert"
)

// switches are the options that are ON or OFF and that change something here.
func switches(name string) (Option, bool) {
	switch name {
	case "NOCOUNT":
		return NoCount, true
	case "QUOTED_IDENTIFIER":
		return QuotedIdentifier, true
	case "ANSI_NULLS":
		return AnsiNulls, true
	case "ANSI_PADDING":
		return AnsiPadding, true
	case "ANSI_WARNINGS":
		return AnsiWarnings, true
	case "ANSI_DEFAULTS":
		return ansiDefaults | ImplicitTransactions | CursorCloseOnCommit, true
	case "ANSI_NULL_DFLT_ON":
		return AnsiNullDfltOn, true
	case "ANSI_NULL_DFLT_OFF":
		return AnsiNullDfltOff, true
	case "ARITHABORT":
		return ArithAbort, true
	case "ARITHIGNORE":
		return ArithIgnore, true
	case "CONCAT_NULL_YIELDS_NULL":
		return ConcatNullYieldsNull, true
	case "CURSOR_CLOSE_ON_COMMIT":
		return CursorCloseOnCommit, true
	case "IMPLICIT_TRANSACTIONS":
		return ImplicitTransactions, true
	case "NUMERIC_ROUNDABORT":
		return NumericRoundAbort, true
	case "XACT_ABORT":
		return XactAbort, true
	case "NOEXEC":
		return NoExec, true
	case "PARSEONLY":
		return ParseOnly, true
	case "FMTONLY":
		return FmtOnly, true
	}
	return 0, false
}

// Without reports the options that are taken and change nothing here: they steer plans, replication or what a tool shows; offOnly
// ones would make the server answer with a plan instead of rows, and ON is refused.
func without(name string) (known, offOnly bool) {
	switch name {
	case "FORCEPLAN", "REMOTE_PROC_TRANSACTIONS", "NO_BROWSETABLE", "DISABLE_DEF_CNST_CHK", "RESULT_SET_CACHING",
		"STATISTICS IO", "STATISTICS TIME":
		return true, false
	case "SHOWPLAN_ALL", "SHOWPLAN_TEXT", "SHOWPLAN_XML", "STATISTICS PROFILE", "STATISTICS XML",
		"OFFSETS SELECT", "OFFSETS FROM", "OFFSETS ORDER", "OFFSETS TABLE", "OFFSETS PROCEDURE", "OFFSETS STATEMENT", "OFFSETS PARAM", "OFFSETS EXECUTE":
		return true, true
	}
	return false, false
}

// Switch carries out SET name ON or OFF. The error is a *raise.Error.
func (s *Settings) Switch(name string, on bool) error {
	if o, ok := switches(name); ok {
		s.put(o, on)
		// The two defaults of nullability exclude each other.
		if on && o == AnsiNullDfltOn {
			s.put(AnsiNullDfltOff, false)
		}
		if on && o == AnsiNullDfltOff {
			s.put(AnsiNullDfltOn, false)
		}
		return nil
	}
	switch known, offOnly := without(name); {
	case known && !(offOnly && on):
		return nil
	case known:
		return raise.Unsupported("SET " + name)
	}
	return raise.New(195, name, "SET option")
}

// Level carries out SET TRANSACTION ISOLATION LEVEL with a level in upper case.
func (s *Settings) Level(level string) error {
	levels := []string{"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT"}
	for i, l := range levels {
		if l == level {
			s.Isolation = Isolation(i + 1)
			return nil
		}
	}
	return raise.New(195, level, "isolation level")
}

// AssignText carries out SET name value for the options whose value is a word: LANGUAGE, DATEFORMAT, DEADLOCK_PRIORITY (also a
// number), FIPS_FLAGGER.
func (s *Settings) AssignText(name, value string) error {
	switch name {
	case "LANGUAGE":
		return s.language(value)
	case "DATEFORMAT":
		for f, n := range []string{convert.MDY: "mdy", convert.DMY: "dmy", convert.YMD: "ymd", convert.YDM: "ydm", convert.MYD: "myd", convert.DYM: "dym"} {
			if strings.EqualFold(n, value) {
				s.DateFormat = convert.DateFormat(f)
				return nil
			}
		}
		return raise.New(2741, value)
	case "DEADLOCK_PRIORITY":
		switch strings.ToUpper(value) {
		case "LOW":
			s.DeadlockPriority = -5
		case "NORMAL":
			s.DeadlockPriority = 0
		case "HIGH":
			s.DeadlockPriority = 5
		default:
			n, err := strconv.Atoi(value)
			if err != nil || n < -10 || n > 10 {
				return raise.New(2769, value, name)
			}
			s.DeadlockPriority = n
		}
		return nil
	case "FIPS_FLAGGER":
		if strings.EqualFold(value, "OFF") {
			return nil
		}
		return raise.Unsupported("SET FIPS_FLAGGER")
	case "ROWCOUNT", "TEXTSIZE", "LOCK_TIMEOUT", "DATEFIRST", "QUERY_GOVERNOR_COST_LIMIT":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return raise.New(2769, value, name)
		}
		return s.Assign(name, n)
	}
	return raise.New(195, name, "SET option")
}

// Assign carries out SET name value for the options whose value is a number.
func (s *Settings) Assign(name string, n int64) error {
	bad := func() error { return raise.New(2769, strconv.FormatInt(n, 10), name) }
	switch name {
	case "DATEFIRST":
		if n < 1 || n > 7 {
			return raise.New(2742, strconv.FormatInt(n, 10))
		}
		s.DateFirst = int(n)
	case "TEXTSIZE":
		switch {
		case n == -1:
			n = 2147483647
		case n == 0:
			n = 4096
		case n < 0 || n > 2147483647:
			return bad()
		}
		s.TextSize = n
	case "ROWCOUNT":
		if n < 0 {
			return bad()
		}
		s.RowCount = n
	case "LOCK_TIMEOUT":
		if n < -1 || n > 2147483647 {
			return bad()
		}
		s.LockTimeout = n
	case "QUERY_GOVERNOR_COST_LIMIT":
		if n < 0 || n > 2147483647 {
			return bad()
		}
		s.QueryGovernor = n
	case "DEADLOCK_PRIORITY":
		return s.AssignText(name, strconv.FormatInt(n, 10))
	default:
		return raise.New(195, name, "SET option")
	}
	return nil
}

// language knows the languages whose month names and dates the conversions know: English, American and British.
func (s *Settings) language(name string) error {
	switch strings.ToLower(name) {
	case "us_english", "english", "":
		s.Language, s.DateFormat, s.DateFirst = "us_english", convert.MDY, 7
	case "british", "british english":
		s.Language, s.DateFormat, s.DateFirst = "British", convert.DMY, 1
	default:
		return raise.New(2740, name)
	}
	return nil
}

// Shown is one line of DBCC USEROPTIONS.
type Shown struct{ Name, Value string }

// Shown lists what DBCC USEROPTIONS shows.
func (s *Settings) Shown() []Shown {
	out := []Shown{
		{"textsize", strconv.FormatInt(s.TextSize, 10)},
		{"language", s.Language},
		{"dateformat", []string{"mdy", "dmy", "ymd", "ydm", "myd", "dym"}[s.DateFormat]},
		{"datefirst", strconv.Itoa(s.DateFirst)},
		{"lock_timeout", strconv.FormatInt(s.LockTimeout, 10)},
	}
	for _, o := range []struct {
		name string
		bit  Option
	}{
		{"quoted_identifier", QuotedIdentifier},
		{"arithabort", ArithAbort},
		{"arithignore", ArithIgnore},
		{"nocount", NoCount},
		{"xact_abort", XactAbort},
		{"ansi_null_dflt_on", AnsiNullDfltOn},
		{"ansi_warnings", AnsiWarnings},
		{"ansi_padding", AnsiPadding},
		{"ansi_nulls", AnsiNulls},
		{"concat_null_yields_null", ConcatNullYieldsNull},
		{"implicit_transactions", ImplicitTransactions},
		{"numeric_roundabort", NumericRoundAbort},
	} {
		if s.Has(o.bit) {
			out = append(out, Shown{o.name, "SET"})
		}
	}
	return append(out, Shown{"isolation level", s.Isolation.String()})
}
