package query

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// hintWords are the table hints.
var hintWords = map[string]bool{
	"FORCESCAN": true, "FORCESEEK": true, "HOLDLOCK": true, "IGNORE_CONSTRAINTS": true, "IGNORE_TRIGGERS": true, "INDEX": true,
	"KEEPDEFAULTS": true, "KEEPIDENTITY": true, "NOEXPAND": true, "NOLOCK": true, "NOWAIT": true, "PAGLOCK": true,
	"READCOMMITTED": true, "READCOMMITTEDLOCK": true, "READPAST": true, "READUNCOMMITTED": true, "REPEATABLEREAD": true,
	"ROWLOCK": true, "SERIALIZABLE": true, "SNAPSHOT": true, "SPATIAL_WINDOW_MAX_CELLS": true, "TABLOCK": true,
	"TABLOCKX": true, "UPDLOCK": true, "XLOCK": true, "FASTFIRSTROW": true,
}

// legacyHints reports whether (NOLOCK) and the like follow a table's name, without WITH.
func legacyHints(c *cursor.Cursor) bool {
	if c.KindAt(1) != token.Word {
		return false
	}
	for w := range hintWords {
		if c.IsAt(1, w) {
			return c.SymAt(2, token.RParen) || c.SymAt(2, token.Comma) || w == "INDEX"
		}
	}
	return false
}

func tableHints(c *cursor.Cursor) []*ast.Hint {
	switch {
	case c.Is("WITH"):
		if !c.SymAt(1, token.LParen) {
			if c.IsNameAt(1) && (c.IsAt(2, "AS") || c.SymAt(2, token.LParen)) {
				c.Advance()
				c.FailWith(336, "Incorrect syntax near '%s'. If this is intended to be a common table expression, you need to explicitly terminate the previous statement with a semi-colon.", c.Near())
			}
			return nil
		}
		c.Advance()
	case c.IsSym(token.LParen) && legacyHints(c):
	default:
		return nil
	}
	c.ExpectSym(token.LParen)
	var list []*ast.Hint
	for !c.IsSym(token.RParen) {
		list = append(list, tableHint(c))
		if c.Err() != nil {
			break
		}
		c.Comma()
	}
	if list == nil {
		c.Fail()
	}
	c.ExpectSym(token.RParen)
	return list
}

func tableHint(c *cursor.Cursor) *ast.Hint {
	if c.Kind() == token.Word && !hintWords[strings.ToUpper(c.Source())] && c.IsName() {
		c.FailWith(321, `"%s" is not a recognized table hints option. If it is intended as a parameter to a table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode is set to 90.`, c.Source())
	}
	h := &ast.Hint{Name: c.AnyWord()}
	if !hintWords[h.Name] {
		c.FailBack(1)
	}
	hintTail(c, h)
	return h
}

// hintTail parses = value, a value or (...) after the words of a hint.
func hintTail(c *cursor.Cursor, h *ast.Hint) {
	h.Equal = c.Sym(token.Eq)
	switch {
	case c.IsSym(token.LParen):
		h.Args, h.Paren = c.RawParens(), true
	case h.Equal || c.IsLiteral() || c.Kind() == token.Variable:
		h.Value, _ = c.OptionValue()
	}
}

// options parses OPTION (hint, ...).
func options(c *cursor.Cursor) []*ast.Hint {
	if !c.Accept("OPTION") {
		return nil
	}
	c.ExpectSym(token.LParen)
	var list []*ast.Hint
	for {
		h := &ast.Hint{Name: c.AnyWord()}
		for c.Kind() == token.Word {
			h.Name += " " + c.AnyWord()
		}
		hintTail(c, h)
		list = append(list, h)
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return list
}
