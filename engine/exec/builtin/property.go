package builtin

import (
	"context"

	"latchkey/engine/exec/define"
	"latchkey/engine/exec/handler"
	"latchkey/engine/schema/owner"
	"latchkey/engine/sqltype"
)

// properties are sp_addextendedproperty, sp_updateextendedproperty and sp_dropextendedproperty.
func properties() []*handler.Procedure {
	name := func(n string) handler.Param {
		return handler.Param{Name: n, Type: sqltype.SysName(), Optional: true}
	}
	levels := []handler.Param{
		name("@level0type"), name("@level0name"), name("@level1type"), name("@level1name"), name("@level2type"), name("@level2name"),
	}
	value := handler.Param{Name: "@value", Type: sqltype.Of(sqltype.Variant), Optional: true}
	make := func(c define.PropertyChange, params ...handler.Param) *handler.Procedure {
		params = append(params, levels...)
		return &handler.Procedure{Name: c.Procedure, Params: params, Run: func(ctx context.Context, x *handler.Context, a *handler.Args) (int, error) {
			if err := x.Parts.Transaction.Implicit(); err != nil {
				return 1, err
			}
			c := c
			c.Name = a.Text(0)
			if !c.Drop {
				c.Value = a.Values[1]
			}
			first := len(params) - len(levels)
			for i := range c.Levels {
				at := first + 2*i
				c.Levels[i] = owner.Level{Type: a.Text(at), Name: a.Text(at + 1), Any: a.Values[at+1].IsNull()}
			}
			if err := x.Parts.Define.Property(ctx, x.Frame, c); err != nil {
				return 1, err
			}
			return 0, nil
		}}
	}
	return []*handler.Procedure{
		make(define.PropertyChange{Procedure: "sp_addextendedproperty", Add: true}, name("@name"), value),
		make(define.PropertyChange{Procedure: "sp_updateextendedproperty"}, name("@name"), value),
		make(define.PropertyChange{Procedure: "sp_dropextendedproperty", Drop: true}, name("@name")),
	}
}
