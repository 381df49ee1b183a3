package builtin

import (
	"context"
	"runtime"
	"strconv"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/undeclared"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

func cpus() int { return runtime.NumCPU() }

func nameParam(name string, optional bool) handler.Param {
	return handler.Param{Name: name, Type: sqltype.Sized(sqltype.NVarChar, 776), Optional: optional}
}

// Procedures are the executor's own in Go.
func Procedures() []*handler.Procedure {
	refused := func(name, what string) *handler.Procedure {
		return &handler.Procedure{Name: name, Variadic: true, Run: func(context.Context, *handler.Context, *handler.Args) (int, error) {
			return 1, raise.Unsupported(what)
		}}
	}
	return append(properties(), []*handler.Procedure{
		{
			Name: "sp_rename", Params: []handler.Param{nameParam("@objname", false), nameParam("@newname", false), nameParam("@objtype", true)},
			Run: func(ctx context.Context, c *handler.Context, a *handler.Args) (int, error) {
				return 0, rename(ctx, c, a.Text(0), a.Text(1), strings.ToUpper(a.Text(2)))
			},
		},
		{
			Name: "sp_set_session_context",
			Params: []handler.Param{
				nameParam("@key", false),
				{Name: "@value", Type: sqltype.Of(sqltype.Variant)},
				{Name: "@read_only", Type: sqltype.Of(sqltype.Bit), Optional: true},
			},
			Run: func(_ context.Context, c *handler.Context, a *handler.Args) (int, error) { return 0, setContext(c, a) },
		},
		{Name: "sp_reset_connection", Run: func(ctx context.Context, c *handler.Context, _ *handler.Args) (int, error) { return 0, nil }},
		{
			Name: "sp_describe_first_result_set", Params: []handler.Param{
				{Name: "@tsql", Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max)},
				{Name: "@params", Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max), Optional: true},
				{Name: "@browse_information_mode", Type: sqltype.Of(sqltype.TinyInt), Optional: true},
			},
			Run: func(ctx context.Context, c *handler.Context, a *handler.Args) (int, error) {
				return 0, describeFirst(ctx, c, a.Text(0), a.Text(1))
			},
		},
		{
			Name: undeclared.Procedure, Params: []handler.Param{
				{Name: "@tsql", Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max)},
				{Name: "@params", Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max), Optional: true},
			},
			Run: func(ctx context.Context, c *handler.Context, a *handler.Args) (int, error) {
				return 0, describeUndeclared(ctx, c, a.Text(0), a.Text(1))
			},
		},
		{
			Name: "xp_msver", Params: []handler.Param{nameParam("@optname", true)},
			Run: func(_ context.Context, c *handler.Context, a *handler.Args) (int, error) {
				return 0, msver(c, a.Text(0))
			},
		},
		registryRead("xp_instance_regread"),
		registryRead("xp_regread"),
		refused("xp_cmdshell", "xp_cmdshell"),
		refused("sp_addlinkedserver", "LINKED SERVER"),
		refused("sp_oacreate", "OLE AUTOMATION"),
	}...)
}

// registryRead answers what a tool asks of the registry of a machine with Windows: that the value is not there.
func registryRead(name string) *handler.Procedure {
	return &handler.Procedure{
		Name: name,
		Params: []handler.Param{
			nameParam("@rootkey", false), nameParam("@key", false), nameParam("@value_name", true),
			{Name: "@value", Type: sqltype.Sized(sqltype.NVarChar, 4000), Output: true, Optional: true},
			nameParam("@no_output", true),
		},
		Run: func(_ context.Context, c *handler.Context, a *handler.Args) (int, error) {
			if !c.Parts.Actor.Perm().Sysadmin() {
				return 1, raise.New(229, "EXECUTE", name, "mssqlsystemresource", "sys")
			}
			if a.Given[3] || a.Text(4) != "" {
				a.Set(3, sqltype.NullValue)
				return 0, nil
			}
			_, err := c.Rows(col("Value", typeName()), col("Data", typeText()))
			return 0, err
		},
	}
}

func msver(c *handler.Context, which string) error {
	s := c.Parts
	w, err := c.Rows(col("Index", typeSmallInt()), col("Name", typeName()), col("Internal_Value", typeInt()), col("Character_Value", typeText()))
	if err != nil {
		return err
	}
	for i, r := range []struct {
		name  string
		n     int64
		value string
	}{
		{"ProductName", -1, "Microsoft SQL Server"},
		{"ProductVersion", MicrosoftVersion(s.Version), s.Version},
		{"Language", 1033, "English (United States)"},
		{"Platform", -1, "NT x64"},
		{"ProcessorCount", int64(cpus()), strconv.Itoa(cpus())},
		{"WindowsVersion", 0, ""},
		{"PhysicalMemory", 0, ""},
	} {
		if which != "" && !strings.EqualFold(which, r.name) {
			continue
		}
		n := sqltype.NullValue
		if r.n >= 0 {
			n = number(r.n)
		}
		if err := w.Row(smallint(i+1), text(r.name), n, orNull(r.value)); err != nil {
			return err
		}
	}
	return nil
}

// setContext is sp_set_session_context.
func setContext(c *handler.Context, a *handler.Args) error {
	s := c.Parts
	key := a.Text(0)
	if key == "" || len(key) > 256 {
		return raise.New(15664, key)
	}
	if s.Values == nil {
		s.Values = make(map[string]sqltype.Value)
		s.Locked = make(map[string]bool)
	}
	k := strings.ToLower(key)
	if s.Locked[k] {
		return raise.New(15664, key)
	}
	if s.Values[k] = a.Values[1]; len(s.Values) > 1000 {
		delete(s.Values, k)
		return raise.New(15665)
	}
	n, _ := a.Int(2)
	s.Locked[k] = n != 0 || a.Values[2].Bool()
	return nil
}

// describeFirst is sp_describe_first_result_set: the columns of the first query of a batch.
func describeFirst(ctx context.Context, c *handler.Context, stmt, params string) error {
	s := c.Parts
	u, err := s.Parse(stmt, params)
	if err != nil {
		return err
	}
	w, err := c.Rows(
		col("is_hidden", typeBit()), col("column_ordinal", typeInt()), col("name", typeName()), col("is_nullable", typeBit()), col("system_type_id", typeInt()),
		col("system_type_name", typeName()), col("max_length", typeSmallInt()), col("precision", sqltype.Of(sqltype.TinyInt)),
		col("scale", sqltype.Of(sqltype.TinyInt)), col("collation_name", typeName()), col("user_type_id", typeInt()), col("is_identity_column", typeBit()),
		col("is_updateable", typeBit()), col("is_computed_column", typeBit()),
	)
	if err != nil {
		return err
	}
	for _, st := range u.Statements {
		q, ok := st.(*ast.SelectStmt)
		if !ok {
			continue
		}
		k, err := s.Query.Describe(ctx, c.Frame, u, q)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		for i, col := range k.Plan.Columns[:query.Visible(k.Plan.Columns)] {
			t := col.Type
			p, sc := t.Digits()
			coll := sqltype.NullValue
			if t.Kind.IsText() {
				coll = text(t.Collation.String())
			}
			name := orNull(col.Name)
			err := w.Row(bit(false), integer(i+1), name, bit(t.Nullable), integer(t.Kind.SystemID()), text(t.String()), smallint(t.StorageBytes()),
				sqltype.NewInt(sqltype.TinyInt, int64(p)), sqltype.NewInt(sqltype.TinyInt, int64(sc)), coll, sqltype.NullValue, bit(col.Identity),
				bit(col.Updatable), bit(col.Computed))
			if err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// rename is sp_rename.
func rename(ctx context.Context, c *handler.Context, object, name, kind string) error {
	s := c.Parts
	if kind == "DATABASE" {
		return raise.Unsupported("sp_rename of a database; use ALTER DATABASE MODIFY NAME")
	}
	if err := s.Transaction.Implicit(); err != nil {
		return err
	}
	n, err := argument.SplitName(object)
	if err != nil {
		return err
	}
	messages, err := s.Define.Rename(ctx, c.Frame, n, object, name, kind)
	if err != nil {
		return err
	}
	for _, m := range messages {
		c.Info(m)
	}
	return nil
}

// MicrosoftVersion is a version as @@MICROSOFTVERSION has it.
func MicrosoftVersion(v string) int64 {
	p := strings.Split(v, ".")
	n := func(i int) int64 {
		if i >= len(p) {
			return 0
		}
		x, _ := strconv.ParseInt(p[i], 10, 64)
		return x
	}
	return n(0)<<24 | n(1)<<16 | n(2)
}
