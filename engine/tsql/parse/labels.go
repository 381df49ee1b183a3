package parse

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// labels gathers what GOTO asks for and what it finds, in one batch or module.
type labels struct {
	defined map[string]bool
	gotos   []*ast.Goto
	err     *token.SyntaxError
}

// checkLabels refuses a GOTO without its label, and labels that occur twice.
func checkLabels(list []ast.Statement) *token.SyntaxError {
	l := &labels{defined: make(map[string]bool)}
	l.walk(list)
	for _, g := range l.gotos {
		if l.err == nil && !l.defined[strings.ToLower(g.Label)] {
			l.err = token.Errorf(133, g.At(), "A GOTO statement references the label '%s' but the label has not been declared.", g.Label)
		}
	}
	return l.err
}

func (l *labels) fail(err *token.SyntaxError) {
	if l.err == nil {
		l.err = err
	}
}

func (l *labels) walk(list []ast.Statement) {
	for _, s := range list {
		l.one(s)
	}
}

func (l *labels) one(s ast.Statement) {
	switch s := s.(type) {
	case *ast.Label:
		name := strings.ToLower(s.Name)
		if l.defined[name] {
			l.fail(token.Errorf(132, s.At(), "The label '%s' has already been declared. Label names must be unique within a query batch or stored procedure.", s.Name))
		}
		l.defined[name] = true
	case *ast.Goto:
		l.gotos = append(l.gotos, s)
	case *ast.Block:
		l.walk(s.Body)
	case *ast.If:
		l.one(s.Then)
		if s.Else != nil {
			l.one(s.Else)
		}
	case *ast.While:
		l.one(s.Body)
	case *ast.TryCatch:
		l.walk(s.Try)
		l.walk(s.Catch)
	case *ast.CreateProc:
		l.fail(checkLabels(s.Body))
	case *ast.CreateFunction:
		l.fail(checkLabels(s.Body))
	case *ast.CreateTrigger:
		l.fail(checkLabels(s.Body))
	}
}
