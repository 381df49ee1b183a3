// Package parse has PARSE and TRY_PARSE: text as people write numbers and dates, in the cultures en-US and en-GB. Others are refused by name.
//
// A number may have separators of thousands and a sign before or behind it; float has an exponent instead; money a currency sign, and parentheses for
// what is owed. A date may have the name of its day in front. What does not fit is message 9819, or NULL of TRY_PARSE.
package parse

import (
	"context"
	"fmt"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Name is the operator's: PARSE{type,try}(text, culture).
const Name = "PARSE TEXT"

// Operator is PARSE and TRY_PARSE. Messages 8116, 10761, 9818 and 9819.
func Operator() def.Function {
	return def.Function{Name: Name, Kind: def.Operator, Min: 1, Max: 2, BindAttrs: func(args []def.Arg, attrs []string) (def.Bound, error) {
		if len(attrs) != 2 {
			return def.Bound{}, fmt.Errorf("reading a call of %s: %w", Name, def.ErrSpec)
		}
		t, err := def.ParseType(attrs[0])
		if err != nil {
			return def.Bound{}, err
		}
		for i, a := range args {
			if a.Type.Kind == sqltype.Null {
				return def.Bound{}, def.BadType(a.Type, i+1, "parse")
			}
		}
		if !t.Kind.IsNumeric() && !t.Kind.IsDateTime() || t.Kind == sqltype.Bit {
			return def.Bound{}, def.Errorf(10761, t.Kind.String(), "PARSE")
		}
		t.Nullable = true
		p := &parser{t, attrs[1] == "try"}
		return def.Bound{
			Type: t, Want: []sqltype.Type{sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational), def.NameArg}[:len(args)], Attrs: attrs,
			Session: len(args) == 1, Eval: p.eval,
		}, nil
	}}
}

type parser struct {
	t   sqltype.Type
	try bool
}

func (p *parser) eval(_ context.Context, env *def.Env, args []sqltype.Value) (sqltype.Value, error) {
	culture := "en-US"
	if strings.EqualFold(env.Settings.Language, "British") {
		culture = "en-GB"
	}
	if len(args) == 2 {
		culture = args[1].Text()
	}
	british := strings.EqualFold(culture, "en-GB")
	if !british && !strings.EqualFold(culture, "en-US") && !strings.EqualFold(culture, "en") {
		if strings.Trim(culture, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" || len(culture) < 2 {
			return sqltype.NullValue, def.Errorf(9818, culture)
		}
		return sqltype.NullValue, &def.Refusal{Name: "PARSE USING '" + culture + "'", Why: "cultures but en-US and en-GB are not built"}
	}
	text := strings.TrimSpace(args[0].Text())
	var v sqltype.Value
	var ok bool
	if p.t.Kind.IsDateTime() {
		v, ok = p.date(text, british)
	} else {
		v, ok = p.number(text, british)
	}
	switch {
	case ok:
		return v, nil
	case p.try:
		return sqltype.NullValue, nil
	}
	return sqltype.NullValue, def.Errorf(9819, args[0].Text(), p.t.Kind.String(), culture)
}

func (p *parser) convert(text string, o convert.Options) (sqltype.Value, bool) {
	if text == "" {
		return sqltype.NullValue, false
	}
	v, err := convert.Convert(sqltype.NewText(sqltype.NVarChar, text), sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational), p.t, o)
	return v, err == nil
}

// date reads a date, with the name of its day in front or without.
func (p *parser) date(text string, british bool) (sqltype.Value, bool) {
	o := convert.Options{}
	if british {
		o.DateFormat = convert.DMY
	}
	word := text
	if i := strings.IndexAny(text, ", "); i >= 0 {
		word = text[:i]
	}
	for _, day := range []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"} {
		if len(word) < len(text) && (strings.EqualFold(word, day) || strings.EqualFold(word, day[:3])) {
			text = strings.TrimLeft(text[len(word):], ", ")
			break
		}
	}
	return p.convert(text, o)
}

// number reads a number.
func (p *parser) number(text string, british bool) (sqltype.Value, bool) {
	k := p.t.Kind
	money := k == sqltype.Money || k == sqltype.SmallMoney
	minus := false
	if money {
		sign := "$"
		if british {
			sign = "£"
		}
		if in, ok := strings.CutPrefix(text, "("); ok {
			if text, ok = strings.CutSuffix(in, ")"); !ok {
				return sqltype.NullValue, false
			}
			minus = true
		}
		text = strings.TrimSpace(strings.Replace(text, sign, "", 1))
	}
	switch {
	case minus:
	case strings.HasPrefix(text, "-"), strings.HasPrefix(text, "+"):
		minus, text = text[0] == '-', text[1:]
	case !k.IsApproximate() && (strings.HasSuffix(text, "-") || strings.HasSuffix(text, "+")):
		minus, text = text[len(text)-1] == '-', text[:len(text)-1]
	}
	text = strings.TrimSpace(text)
	whole, fraction, _ := strings.Cut(text, ".")
	if k.IsApproximate() {
		if strings.Trim(text, "0123456789.eE+-") != "" {
			return sqltype.NullValue, false
		}
	} else {
		whole = strings.ReplaceAll(whole, ",", "")
		if strings.Trim(whole+fraction, "0123456789") != "" || whole+fraction == "" {
			return sqltype.NullValue, false
		}
		text = "0" + whole
		switch {
		case !k.IsInteger():
			text += "." + fraction + "0"
		case strings.Trim(fraction, "0") != "":
			return sqltype.NullValue, false
		}
	}
	if minus {
		text = "-" + text
	}
	return p.convert(text, convert.Options{})
}
