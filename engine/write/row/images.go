package row

import (
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/token"
)

// MainSQL is what the statement's query computes for OUTPUT, with the images' columns replaced by the row's.
func (o *Output) MainSQL(alias string, s Set) ([]string, error) {
	if o == nil {
		return nil, nil
	}
	var out []string
	for _, text := range o.main {
		for _, c := range o.t.Table.Columns {
			value := alias + "." + c.Quoted()
			for i, col := range s.Columns {
				if col == c {
					value = "(" + s.Values[i].SQL + ")"
				}
			}
			mark := insertedAlias + "." + c.Quoted()
			if strings.Contains(text, mark) && (c.Type.Kind == sqltype.RowVersion || c.Computed != nil) {
				return nil, plan.Unsupported("OUTPUT of an expression over a computed column and another table", token.Pos{})
			}
			text = strings.ReplaceAll(text, mark, value)
			text = strings.ReplaceAll(text, deletedAlias+"."+c.Quoted(), alias+"."+c.Quoted())
		}
		out = append(out, text)
	}
	more, err := o.then.MainSQL(alias, s)
	return append(out, more...), err
}
