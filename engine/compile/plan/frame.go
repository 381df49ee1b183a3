package plan

import (
	"context"
	"slices"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
)

// Eval computes a value in Go.
type Eval func(*Frame) (sqltype.Value, error)

// Variables gives the values of a session's variables. The value has the declared type; the name has its signs.
type Variables interface {
	VariableValue(name string) (sqltype.Value, error)
}

// Frame is what an [Eval] may look at. It is used by one goroutine at a time.
type Frame struct {
	// Context and Env are for functions; neither may be nil.
	Context   context.Context
	Env       *fn.Env
	Variables Variables
	// Row are the columns of the row at hand, for assignments.
	Row []sqltype.Value
}

// Bind computes the values of a plan's parameters in order. Errors are the running statement's: conversion, overflow, row counts
// that are negative.
func (p *Plan) Bind(f *Frame) ([]sqltype.Value, error) { return p.BindTo(nil, f) }

// BindTo is Bind that appends the values to dst.
func (p *Plan) BindTo(dst []sqltype.Value, f *Frame) ([]sqltype.Value, error) {
	dst = slices.Grow(dst, len(p.Params))
	for i := range p.Params {
		v, err := p.Params[i].value(f)
		if err != nil {
			return nil, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}

func (p *Param) value(f *Frame) (v sqltype.Value, err error) {
	switch {
	case p.Variable != "":
		v, err = f.Variables.VariableValue(p.Variable)
	case p.Eval != nil:
		v, err = p.Eval(f)
	default:
		v = p.Value
	}
	if err == nil && p.Check != NoCheck {
		err = p.Check.Validate(v)
	}
	return v, err
}

// Validate refuses a value that the check does not allow.
func (c Check) Validate(v sqltype.Value) error {
	n := v.Int()
	switch {
	case c == OffsetRows && (v.IsNull() || n < 0):
		return message(10742)
	case c == FetchRows && (v.IsNull() || n <= 0):
		return message(10744)
	case v.IsNull():
		return message(1060)
	case c == TopRows && n < 0:
		return message(127)
	case c == TopPercent && (v.ToFloat() < 0 || v.ToFloat() > 100):
		return message(1031)
	}
	return nil
}
