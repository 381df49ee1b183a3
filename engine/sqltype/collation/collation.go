// Package collation compares, folds and encodes character data as SQL Server's collations do.
//
// A [Collation] is a small comparable value; the zero value is [Default], SQL_Latin1_General_CP1_CI_AS. Names come in through
// [Parse], which knows the SQL_Latin1_General_CP1 and Latin1_General families (with _100, CI/CS, AI/AS, KS, WS, SC, UTF8, BIN
// and BIN2) and refuses every other name: an order that we do not implement is an error, never a wrong answer.
//
// A string is compared by [Collation.Compare] in one of two ways, because SQL Server's SQL_ collations have two orders: that of
// their code page for char and varchar, and that of Windows for nchar and nvarchar; the national argument chooses. Trailing
// blanks never count. [Collation.AppendKey] gives bytes that are equal for exactly the strings that compare equal.
//
// What differs from SQL Server, knowingly: the order (never the equality) of symbols outside ASCII, of scripts other than Latin,
// and of control characters against the blank, which is the smallest character here; the weights of version 100 are those of
// version 80; a Turkish or other language's tailoring does not exist because its collation name is refused.
package collation

import (
	"fmt"
	"strings"
)

// Collation is a set of rules for comparing and encoding text. Values are comparable with ==.
type Collation struct {
	// bits are stored inverted against the default, so that the zero value is the default collation.
	windows bool // a Windows collation: no sort id, one order for both kinds of strings
	v100    bool
	cs      bool // case sensitive
	ai      bool // accent insensitive
	ks      bool
	ws      bool
	sc      bool
	utf8    bool
	bin     bool
	bin2    bool
}

// Default is SQL_Latin1_General_CP1_CI_AS.
var Default = Collation{}

// Latin1GeneralBin2 is Latin1_General_BIN2, the order of code points.
var Latin1GeneralBin2 = Collation{windows: true, cs: true, bin2: true}

// Error says that a collation name is not known: message 448.
type Error struct{ Name string }

// Error has SQL Server's words for message 448.
func (e *Error) Error() string { return fmt.Sprintf("Invalid collation '%s'.", e.Name) }

// Parse finds a collation by its name, in any case. The error is an *[Error].
func Parse(name string) (Collation, error) {
	bad := &Error{Name: name}
	up := strings.ToUpper(name)
	var c Collation
	rest, ok := strings.CutPrefix(up, "SQL_LATIN1_GENERAL_CP1_")
	if !ok {
		c.windows = true
		if rest, ok = strings.CutPrefix(up, "LATIN1_GENERAL_"); !ok {
			return Collation{}, bad
		}
		if r, ok := strings.CutPrefix(rest, "100_"); ok {
			c.v100, rest = true, r
		}
	}
	parts := strings.Split(rest, "_")
	switch {
	case parts[0] == "BIN" && c.windows:
		c.bin, c.cs, parts = true, true, parts[1:]
	case parts[0] == "BIN2" && c.windows:
		c.bin2, c.cs, parts = true, true, parts[1:]
	default:
		if len(parts) < 2 || parts[0] != "CI" && parts[0] != "CS" || parts[1] != "AI" && parts[1] != "AS" {
			return Collation{}, bad
		}
		c.cs, c.ai, parts = parts[0] == "CS", parts[1] == "AI", parts[2:]
		for _, o := range []struct {
			name string
			set  *bool
			need bool
		}{{"KS", &c.ks, c.windows}, {"WS", &c.ws, c.windows}, {"SC", &c.sc, c.v100}} {
			if len(parts) > 0 && parts[0] == o.name && o.need {
				*o.set, parts = true, parts[1:]
			}
		}
	}
	if len(parts) > 0 && parts[0] == "UTF8" && c.v100 && (c.sc || c.bin2) {
		c.utf8, parts = true, parts[1:]
	}
	if len(parts) != 0 || !c.windows && c.cs && c.ai {
		return Collation{}, bad
	}
	return c, nil
}

// String is the collation's name.
func (c Collation) String() string {
	var b strings.Builder
	if c.windows {
		b.WriteString("Latin1_General")
		if c.v100 {
			b.WriteString("_100")
		}
	} else {
		b.WriteString("SQL_Latin1_General_CP1")
	}
	switch {
	case c.bin:
		b.WriteString("_BIN")
	case c.bin2:
		b.WriteString("_BIN2")
	default:
		b.WriteString(map[bool]string{false: "_CI", true: "_CS"}[c.cs] + map[bool]string{false: "_AS", true: "_AI"}[c.ai])
	}
	for _, o := range []struct {
		on   bool
		name string
	}{{c.ks, "_KS"}, {c.ws, "_WS"}, {c.sc, "_SC"}, {c.utf8, "_UTF8"}} {
		if o.on {
			b.WriteString(o.name)
		}
	}
	return b.String()
}

// All lists every collation that Parse knows, for sys.fn_helpcollations.
func All() []Collation {
	var all []Collation
	for _, family := range []string{"SQL_Latin1_General_CP1", "Latin1_General", "Latin1_General_100"} {
		for _, order := range []string{"_BIN", "_BIN2", "_BIN2_UTF8", "_CI_AI", "_CI_AS", "_CS_AI", "_CS_AS"} {
			for _, more := range []string{"", "_KS", "_WS", "_KS_WS", "_SC", "_KS_SC", "_WS_SC", "_KS_WS_SC"} {
				for _, enc := range []string{"", "_UTF8"} {
					if c, err := Parse(family + order + more + enc); err == nil {
						all = append(all, c)
					}
				}
			}
		}
	}
	return all
}

// IsUTF8 reports whether char and varchar hold UTF-8 under c.
func (c Collation) IsUTF8() bool { return c.utf8 }

// CaseSensitive reports whether letters of different case differ under c.
func (c Collation) CaseSensitive() bool { return c.cs }

// Supplementary reports whether functions count characters beyond U+FFFF once (the _SC collations).
func (c Collation) Supplementary() bool { return c.sc || c.utf8 }

// CodePage is what COLLATIONPROPERTY(..., 'CodePage') returns: 1252 or 65001.
func (c Collation) CodePage() int {
	if c.utf8 {
		return 65001
	}
	return 1252
}

// lcid is English (United States), the locale of every collation here.
const lcid = 0x0409

// Wire is the collation's five bytes in COLMETADATA and ENVCHANGE ([MS-TDS] 2.2.5.1.2): 20 bits of locale, 8 of flags, 4 of
// version, then the sort id.
func (c Collation) Wire() [5]byte {
	const (
		ic = 1 << 20
		ia = 2 << 20
		ik = 4 << 20
		iw = 8 << 20
		bi = 16 << 20
		b2 = 32 << 20
		u8 = 64 << 20
		v2 = 2 << 28
	)
	n := uint32(lcid)
	set := func(on bool, bit uint32) {
		if on {
			n |= bit
		}
	}
	linguistic := !c.bin && !c.bin2
	set(linguistic && !c.cs, ic)
	set(linguistic && c.ai, ia)
	set(linguistic && !c.ks, ik)
	set(linguistic && !c.ws, iw)
	set(c.bin, bi)
	set(c.bin2, b2)
	set(c.utf8, u8)
	set(c.v100, v2)
	return [5]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), c.sortID()}
}

func (c Collation) sortID() byte {
	switch {
	case c.windows:
		return 0
	case c.cs:
		return 51
	case c.ai:
		return 54
	}
	return 52
}

// byWire has every collation by its five bytes.
var byWire = func() map[[5]byte]Collation {
	m := make(map[[5]byte]Collation)
	for _, c := range All() {
		if _, ok := m[c.Wire()]; !ok {
			m[c.Wire()] = c
		}
	}
	return m
}()

// FromWire finds the collation of five bytes from a client; false for one that Parse would not know. Five zero bytes, which
// clients send for "the database's", are not known.
func FromWire(b [5]byte) (Collation, bool) {
	c, ok := byWire[b]
	return c, ok
}
