package row

import (
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// How the images of a row are called in SQLite's text.
const (
	insertedAlias = "latchkey_inserted"
	deletedAlias  = "latchkey_deleted"
	ActionAlias   = "latchkey_action"
)

// Set is the SET clause: columns with their values.
type Set struct {
	Columns []*schema.Column
	Values  []bound.X
}

// image says which image of a row a column of OUTPUT is of.
type image uint8

const (
	noImage image = iota
	insertedImage
	deletedImage
	actionImage
)

// outputItem is one column of OUTPUT.
type outputItem struct {
	column plan.Column
	typ    sqltype.Type
	// A bare column: its image and place among the table's columns.
	image image
	at    int
	// post is the place among the columns of the query over the images, -1 for none; main that among those of the statement's query.
	post, main int
}

// Output is a compiled OUTPUT clause.
type Output struct {
	t     *Target
	items []outputItem
	// post computes what is more than a bare column, from the images as parameters.
	post *plan.Plan
	// main are the expressions that the statement's own query computes, with the images' columns still by their alias.
	main []string
	Into *Inserter
	cols []*schema.Column // of into that are given
	// computed columns are read back after the row is written.
	reread bool
	uses   []plan.Use // of the query over the images
	reads  bool       // a column of an image is named
	then   *Output    // the second clause, to the client
}

// Reads reports that a column of the target is shown, which asks for SELECT on it.
func (o *Output) Reads() bool { return o != nil && (o.reads || o.then.Reads()) }

// Uses is what the clause needs besides the statement's own query.
func (o *Output) Uses() []plan.Use {
	if o == nil {
		return nil
	}
	return append(o.uses[:len(o.uses):len(o.uses)], o.then.Uses()...)
}

// NeedsSource reports that the statement's query has to compute something.
func (o *Output) NeedsSource() bool {
	return o != nil && (len(o.main) > 0 || o.then.NeedsSource())
}

// Client is what goes to the client, nil if nothing does.
func (o *Output) Client() []plan.Column {
	switch {
	case o == nil:
		return nil
	case o.Into != nil:
		return o.then.Client()
	}
	out := make([]plan.Column, len(o.items))
	for i, it := range o.items {
		out[i] = it.column
	}
	return out
}

// Absent says of columns, but those of action, that they may be NULL if some rows have no old or no new image.
func Absent(columns []plan.Column, action *plan.Object, some bool) []plan.Column {
	for i := range columns {
		columns[i].Type.Nullable = columns[i].Type.Nullable || some && columns[i].Object != action
	}
	return columns
}

// imageObject is the target as a source of its own, so that a column tells which image it is of.
func imageObject(t *Target, alias string) *plan.Object {
	o := *t.Object
	o.Source = schema.Quote(alias)
	o.Columns = append([]plan.ObjectColumn(nil), o.Columns...)
	return &o
}

// CompileOutput compiles OUTPUT. main is the statement's own compile.Statement with its sources in scope, for items over other columns.
func CompileOutput(c Config, main *compile.Statement, st *ast.Output, t *Target, action *plan.Object, verb string) (*Output, error) {
	o := &Output{t: t}
	var mainImages, images []*compile.Source
	ins, del := imageObject(t, insertedAlias), imageObject(t, deletedAlias)
	open := func(s *compile.Statement) (out []*compile.Source) {
		if verb != "DELETE" {
			out = append(out, s.Open(ins, "inserted", insertedAlias))
		}
		if verb != "INSERT" {
			out = append(out, s.Open(del, "deleted", deletedAlias))
		}
		for _, src := range out {
			s.Track(src)
		}
		images = append(images, out...)
		if action != nil {
			out = append(out, s.Open(action, ActionAlias, ActionAlias))
		}
		return out
	}
	post := compile.NewStatement(c.Scope, token.Pos{})
	open(post)
	var texts []string
	for _, it := range st.Items {
		it = renameAction(it)
		list, err := post.Items([]*ast.SelectItem{it})
		mine := false
		if err != nil {
			if mainImages == nil {
				mainImages = open(main)
			}
			var again error
			if list, again = main.Items([]*ast.SelectItem{it}); again != nil {
				return nil, err
			}
			mine = true
		}
		for _, x := range list {
			if it.Variable != "" {
				return nil, plan.Unsupported("OUTPUT with a variable", token.Pos{})
			}
			if x.Flags&bound.HasSubquery != 0 {
				return nil, plan.Fail(token.Pos{}, 10705)
			}
			item := outputItem{column: x.Column, typ: x.Type, post: -1, main: -1}
			if item.column.Name == ActionColumn {
				item.column.Name = "$action"
			}
			o.bare(&item, x.X, ins, del, action)
			if item.image == noImage {
				o.reread = o.reread || strings.Contains(x.SQL, insertedAlias)
				if mine {
					item.main = len(o.main)
					o.main = append(o.main, x.SQL)
				} else {
					item.post = len(texts)
					texts = append(texts, x.SQL)
				}
			}
			item.column.Hidden = false
			if item.typ.Kind == sqltype.Null {
				item.typ = sqltype.Of(sqltype.Int)
			}
			item.column.Type = item.typ
			o.items = append(o.items, item)
		}
	}
	for _, src := range mainImages {
		main.Hide(src)
	}
	for _, src := range images {
		o.reads = o.reads || len(src.Use.Columns) > 0
	}
	if len(texts) > 0 {
		var err error
		if o.post, err = o.overImages(post, texts, verb, action); err != nil {
			return nil, err
		}
		o.uses = o.post.Uses
	}
	if st.Into != nil {
		if err := o.compileInto(c, st); err != nil {
			return nil, err
		}
	}
	if len(st.Then) > 0 {
		var err error
		o.then, err = CompileOutput(c, main, &ast.Output{Items: st.Then}, t, action, verb)
		return o, err
	}
	return o, nil
}

// actionColumn is $action's column in its source.
const ActionColumn = "latchkey$action"

// renameAction turns a bare $action into a column of its source.
func renameAction(it *ast.SelectItem) *ast.SelectItem {
	if p, ok := it.X.(*ast.PseudoColumn); ok && p.Name == "$ACTION" {
		n := *it
		n.X = &ast.ColumnRef{Name: ast.ObjectName{Parts: []string{ActionAlias, ActionColumn}}}
		return &n
	}
	return it
}

// bare recognises an item that is a column of an image.
func (o *Output) bare(item *outputItem, x bound.X, ins, del, action *plan.Object) {
	if x.Column == nil {
		return
	}
	switch {
	case x.Column.Object == ins && x.Flags&bound.HasSubquery == 0:
		item.image = insertedImage
	case x.Column.Object == del:
		item.image = deletedImage
	case action != nil && x.Column.Object == action:
		item.image = actionImage
		return
	default:
		return
	}
	item.at = -1
	for i, c := range o.t.Table.Columns {
		if c.Name == x.Column.Source {
			item.at = i
			o.reread = o.reread || item.image == insertedImage && c.Computed != nil
		}
	}
	if item.at < 0 {
		item.image = noImage
	}
}

// overImages is the query that computes items from the images, whose columns are its last parameters.
func (o *Output) overImages(s *compile.Statement, texts []string, verb string, action *plan.Object) (*plan.Plan, error) {
	p, err := s.Plan("", nil)
	if err != nil {
		return nil, err
	}
	n := len(p.Params)
	var from []string
	image := func(alias string) {
		cols := make([]string, len(o.t.Table.Columns))
		for i, c := range o.t.Table.Columns {
			n++
			cols[i] = "?" + strconv.Itoa(n) + cell.CollateClause(c.Type) + " AS " + c.Quoted()
		}
		from = append(from, "(SELECT "+strings.Join(cols, ",")+") AS "+alias)
	}
	if verb != "DELETE" {
		image(insertedAlias)
	}
	if verb != "INSERT" {
		image(deletedAlias)
	}
	if action != nil {
		n++
		from = append(from, "(SELECT ?"+strconv.Itoa(n)+" AS "+schema.Quote(ActionColumn)+") AS "+ActionAlias)
	}
	return s.Plan("SELECT "+strings.Join(texts, ",")+" FROM "+strings.Join(from, ","), nil)
}

// compileInto compiles the target of OUTPUT ... INTO.
func (o *Output) compileInto(c Config, st *ast.Output) error {
	s := compile.NewStatement(c.Scope, token.Pos{})
	obj, err := s.Object(st.Into)
	if err != nil {
		return err
	}
	t, err := NewTarget(obj, "OUTPUT INTO", token.Pos{})
	if err != nil {
		return err
	}
	if len(t.Table.Foreign) > 0 || len(t.Snap.Incoming(t.Table.ID)) > 0 {
		return Message(332, t.Table.Name)
	}
	if len(st.Columns) == 0 {
		for _, col := range t.Table.Columns {
			if col.Computed == nil && col.Identity == nil && col.Type.Kind != sqltype.RowVersion {
				o.cols = append(o.cols, col)
			}
		}
		if len(o.cols) != len(o.items) {
			return Message(213)
		}
	}
	for _, n := range st.Columns {
		col, err := t.Column(n, token.Pos{})
		if err != nil {
			return err
		}
		if col.Identity != nil {
			return Message(544, t.Table.Name)
		}
		if !col.Writable() {
			return plan.Fail(token.Pos{}, 271, n)
		}
		o.cols = append(o.cols, col)
	}
	switch {
	case len(o.cols) < len(o.items):
		return plan.Fail(token.Pos{}, 121)
	case len(o.cols) > len(o.items):
		return plan.Fail(token.Pos{}, 120)
	}
	o.Into, err = NewInserter(c, t, o.cols, "INSERT")
	return err
}
