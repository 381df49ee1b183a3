package flow

import (
	"context"

	"latchkey/engine/exec/scope"
	"latchkey/engine/tsql/ast"
)

// IfElse is IF.
func (s *Machine) IfElse(ctx context.Context, f *scope.Frame, st *ast.If) (Signal, error) {
	if f.Seek != "" {
		if holds(st.Then, f.Seek) {
			return s.Statement(ctx, f, st.Then)
		}
		return s.Statement(ctx, f, st.Else)
	}
	ok, err := s.Query.Condition(ctx, f, st, st.Cond)
	if err != nil {
		return Signal{}, err
	}
	s.Answer.Quiet(0)
	switch {
	case ok:
		return s.Statement(ctx, f, st.Then)
	case st.Else != nil:
		return s.Statement(ctx, f, st.Else)
	}
	return Signal{}, nil
}

// While is WHILE.
func (s *Machine) While(ctx context.Context, f *scope.Frame, st *ast.While) (Signal, error) {
	for {
		if f.Seek == "" {
			f.At(st)
			ok, err := s.Query.Condition(ctx, f, st, st.Cond)
			if err != nil {
				return Signal{}, err
			}
			s.Answer.Quiet(0)
			if !ok {
				return Signal{}, nil
			}
		}
		sig, err := s.Statement(ctx, f, st.Body)
		if err != nil {
			return sig, err
		}
		switch sig.Kind {
		case Break:
			return Signal{}, nil
		case Jump:
			if !holds(st.Body, sig.Label) {
				return sig, nil
			}
			f.Seek = sig.Label
		case Return, Stop:
			return sig, nil
		}
	}
}
