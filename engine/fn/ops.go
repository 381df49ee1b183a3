package fn

import (
	"latchkey/engine/fn/like"
	"latchkey/engine/fn/operator"
	"latchkey/engine/sqltype"
)

func operators() []Function { return operator.Functions() }

func cast(x Arg, to sqltype.Type, o CastOptions) (Call, error) {
	return operator.Cast(x, to, operator.Options{Style: o.Style, Try: o.Try, Implicit: o.Implicit})
}

func store(x Arg, to sqltype.Type, table, column string) (Call, error) {
	return operator.Store(x, to, table, column)
}

// LikePrefix is the text that every match of a LIKE pattern begins with, and whether the pattern is that text and then % alone. escape below
// 0 means none.
func LikePrefix(pattern string, escape rune) (prefix string, onlyPrefix bool) {
	return like.Prefix(pattern, escape)
}
