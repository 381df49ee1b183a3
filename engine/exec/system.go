package exec

import (
	"slices"
	"strings"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/exec/call"
	"latchkey/engine/exec/feature"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/sysproc"
	"latchkey/engine/fn"
	"latchkey/engine/schema/sysview"
)

// systemObjects are what the server brings along: its views, procedures and table-valued functions; what is refused is not among them.
func (s *Server) systemObjects() *sysview.System {
	found := make(map[string]sysview.SystemObject)
	add := func(name, code string, columns []sysview.Column) {
		name = strings.ToLower(name)
		if in, plain, _ := strings.Cut(name, "."); (in == "sys" || in == "information_schema") && !feature.Refused(plain) && !feature.Refused(name) {
			found[name] = sysview.SystemObject{Name: name, Code: code, Columns: columns}
		}
	}
	for _, n := range sysview.Names() {
		switch {
		case n == "sys.fn_listextendedproperty":
			add(n, "TF", sysview.Columns(n))
		default:
			add(n, "V", sysview.Columns(n))
		}
	}
	for _, v := range s.views {
		code := "V"
		if v.Params > 0 || v.Args != nil {
			code = "IF"
		}
		add(v.Name, code, columnsOf(v))
	}
	for _, t := range fn.Tables() {
		var columns []sysview.Column
		for _, c := range t.Columns {
			columns = append(columns, sysview.Column{Name: c.Name, Type: c.Type})
		}
		add(t.Name, "IF", columns)
	}
	procedure := func(name, code string) {
		if strings.HasPrefix(name, "xp_") {
			code = "X"
		}
		add("sys."+name, code, nil)
	}
	for n := range s.procs {
		procedure(n, "P")
	}
	for _, n := range sysproc.Names() {
		procedure(n, "P")
	}
	for _, n := range call.Dynamic() {
		procedure(n, "X")
	}
	var objects []sysview.SystemObject
	for _, o := range found {
		objects = append(objects, o)
	}
	var created time.Time
	if d := s.cfg.Catalog.State().Databases.Get(model.Master); d != nil {
		created = d.Created
	}
	return sysview.NewSystem(objects, created)
}

func columnsOf(v *handler.View) []sysview.Column {
	out := make([]sysview.Column, len(v.Columns))
	for i, c := range v.Columns {
		out[i] = sysview.Column{Name: c.Name, Type: c.Type}
	}
	return slices.Clip(out)
}
