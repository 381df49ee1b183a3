package fn

import (
	"latchkey/engine/fn/aggregate"
	"latchkey/engine/fn/def"
)

func aggregateCall(name string, args []Arg, distinct bool) (Call, error) {
	f, ok := Lookup(name)
	if !ok {
		return Call{}, def.Errorf(195, name)
	}
	if f.Kind != AggFunc || !distinct {
		return f.Resolve(args)
	}
	return aggregate.Distinct(f, args)
}
