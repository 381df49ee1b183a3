package fn

import "latchkey/engine/sqltype"

func operators() []Function { return nil }

func cast(x Arg, to sqltype.Type, o CastOptions) (Call, error) {
	return Call{}, &Refusal{Name: "CAST", Why: "not built yet"}
}

func store(x Arg, to sqltype.Type, table, column string) (Call, error) {
	return Call{}, &Refusal{Name: "CAST", Why: "not built yet"}
}

func aggregate(name string, args []Arg, distinct bool) (Call, error) {
	return Call{}, &Refusal{Name: name, Why: "not built yet"}
}
