package plug

import (
	"context"

	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/raise"
	"latchkey/engine/keystmt"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/secret"
)

// optional marks a parameter that may be left out.
const optional = "?"

// name is a parameter of type sysname; a name that ends in ? may be left out.
func name(n string) handler.Param {
	p := handler.Param{Name: n, Type: sqltype.SysName()}
	if n[len(n)-1:] == optional {
		p.Name, p.Optional = n[:len(n)-1], true
	}
	return p
}

func names(list ...string) []handler.Param {
	out := make([]handler.Param, len(list))
	for i, n := range list {
		out[i] = name(n)
	}
	return out
}

// older is a procedure that stands for a statement of today. make gets the arguments as text, "" for NULL and what was left out.
func older(d *keystmt.Dialect, proc string, params []handler.Param, make func(a []string) ast.Statement) *handler.Procedure {
	return &handler.Procedure{Name: proc, Params: params, Run: func(ctx context.Context, c *handler.Context, args *handler.Args) (int, error) {
		a := []string{}
		for i := range params {
			a = append(a, args.Text(i))
		}
		if a[0] == "" {
			return 1, raise.New(201, proc, params[0].Name)
		}
		s := make(a)
		if s == nil {
			return 1, raise.Unsupported(proc + " with these arguments")
		}
		if l, ok := s.(*ast.CreateLogin); ok {
			defer l.Password.Secret.Value.Destroy()
		}
		if _, err := d.Run(ctx, session{c}, s); err != nil {
			return 1, err
		}
		return 0, nil
	}}
}

func one(n string) []ast.ObjectName { return []ast.ObjectName{{Parts: []string{n}}} }

func password(text string) *ast.Password {
	return &ast.Password{Secret: &ast.Secret{Value: secret.FromString(text)}}
}

func option(name, value string) *ast.Option {
	return &ast.Option{Name: name, Value: &ast.Literal{Kind: ast.NStringLit, Text: value}}
}

// Procedures are the system procedures of a dialect.
func Procedures(d *keystmt.Dialect) []*handler.Procedure {
	return []*handler.Procedure{
		configure(d),
		older(d, "sp_addsrvrolemember", names("@loginame", "@rolename"), func(a []string) ast.Statement {
			return &ast.Role{Mode: "ALTER", Kind: "SERVER ROLE", Name: a[1], AddMember: a[0]}
		}),
		older(d, "sp_dropsrvrolemember", names("@loginame", "@rolename"), func(a []string) ast.Statement {
			return &ast.Role{Mode: "ALTER", Kind: "SERVER ROLE", Name: a[1], DropMember: a[0]}
		}),
		older(d, "sp_addrolemember", names("@rolename", "@membername"), func(a []string) ast.Statement {
			return &ast.Role{Mode: "ALTER", Kind: "ROLE", Name: a[0], AddMember: a[1]}
		}),
		older(d, "sp_droprolemember", names("@rolename", "@membername"), func(a []string) ast.Statement {
			return &ast.Role{Mode: "ALTER", Kind: "ROLE", Name: a[0], DropMember: a[1]}
		}),
		older(d, "sp_addrole", names("@rolename", "@ownername?"), func(a []string) ast.Statement {
			return &ast.Role{Mode: "CREATE", Kind: "ROLE", Name: a[0], Owner: a[1]}
		}),
		older(d, "sp_droprole", names("@rolename"), func(a []string) ast.Statement { return &ast.Drop{Kind: "ROLE", Names: one(a[0])} }),
		older(d, "sp_addlogin", names("@loginame", "@passwd?", "@defdb?", "@deflanguage?", "@sid?", "@encryptopt?"), addLogin),
		older(d, "sp_droplogin", names("@loginame"), func(a []string) ast.Statement { return &ast.Drop{Kind: "LOGIN", Names: one(a[0])} }),
		older(d, "sp_defaultdb", names("@loginame", "@defdb"), func(a []string) ast.Statement {
			return &ast.AlterLogin{Name: a[0], Options: []*ast.Option{option("DEFAULT_DATABASE", a[1])}}
		}),
		older(d, "sp_defaultlanguage", names("@loginame", "@language?"), func(a []string) ast.Statement {
			if a[1] == "" {
				a[1] = "us_english"
			}
			return &ast.AlterLogin{Name: a[0], Options: []*ast.Option{option("DEFAULT_LANGUAGE", a[1])}}
		}),
		older(d, "sp_grantdbaccess", names("@loginame", "@name_in_db?"), addUser),
		older(d, "sp_adduser", names("@loginame", "@name_in_db?", "@grpname?"), addUser),
		older(d, "sp_revokedbaccess", names("@name_in_db"), func(a []string) ast.Statement { return &ast.Drop{Kind: "USER", Names: one(a[0])} }),
		older(d, "sp_dropuser", names("@name_in_db"), func(a []string) ast.Statement { return &ast.Drop{Kind: "USER", Names: one(a[0])} }),
		older(d, "sp_renamedb", names("@dbname", "@newname"), func(a []string) ast.Statement {
			return &ast.AlterDatabase{Name: a[0], Action: &ast.RenameDatabase{Name: a[1]}}
		}),
		setPassword(d),
		changeOwner(d),
	}
}

func addLogin(a []string) ast.Statement {
	if a[4] != "" || a[5] != "" {
		return nil
	}
	s := &ast.CreateLogin{Name: a[0], Password: password(a[1])}
	if a[2] != "" {
		s.Options = append(s.Options, option("DEFAULT_DATABASE", a[2]))
	}
	if a[3] != "" {
		s.Options = append(s.Options, option("DEFAULT_LANGUAGE", a[3]))
	}
	return s
}

func addUser(a []string) ast.Statement {
	if len(a) > 2 && a[2] != "" {
		return nil
	}
	user := a[1]
	if user == "" {
		user = a[0]
	}
	return &ast.User{Mode: "CREATE", Name: user, For: "LOGIN", ForName: a[0]}
}

// setPassword is sp_password @old, @new, @loginame: of the caller's own login without a name.
func setPassword(d *keystmt.Dialect) *handler.Procedure {
	return &handler.Procedure{
		Name: "sp_password", Params: names("@old?", "@new?", "@loginame?"),
		Run: func(ctx context.Context, c *handler.Context, args *handler.Args) (int, error) {
			s := &ast.AlterLogin{Name: args.Text(2), Password: password(args.Text(1))}
			defer s.Password.Secret.Value.Destroy()
			if s.Name == "" {
				if l := c.Catalog().State().Logins.Get(c.Caller().Login); l != nil {
					s.Name = l.Name
				}
			}
			if _, given := args.Int(0); given {
				s.Password.Old = &ast.Secret{Value: secret.FromString(args.Text(0))}
				defer s.Password.Old.Value.Destroy()
			}
			if _, err := d.Run(ctx, session{c}, s); err != nil {
				return 1, err
			}
			return 0, nil
		},
	}
}

// changeOwner is sp_changedbowner @loginame of the session's database.
func changeOwner(d *keystmt.Dialect) *handler.Procedure {
	return &handler.Procedure{
		Name: "sp_changedbowner", Params: names("@loginame", "@map?"),
		Run: func(ctx context.Context, c *handler.Context, args *handler.Args) (int, error) {
			db := c.Catalog().State().Databases.Get(c.Caller().Database)
			if db == nil {
				return 1, raise.New(911, "")
			}
			s := &ast.AlterAuthorization{Class: "DATABASE", Name: ast.ObjectName{Parts: []string{db.Name}}, Owner: args.Text(0)}
			if _, err := d.Run(ctx, session{c}, s); err != nil {
				return 1, err
			}
			return 0, nil
		},
	}
}

// configure is sp_configure.
func configure(d *keystmt.Dialect) *handler.Procedure {
	integer := sqltype.Of(sqltype.Int)
	return &handler.Procedure{
		Name: "sp_configure",
		Params: []handler.Param{
			{Name: "@configname", Type: sqltype.Sized(sqltype.VarChar, 35), Optional: true},
			{Name: "@configvalue", Type: integer, Optional: true},
		},
		Run: func(ctx context.Context, c *handler.Context, args *handler.Args) (int, error) {
			var a keystmt.ConfigArgs
			if args.Given[0] && !args.Values[0].IsNull() {
				n := args.Text(0)
				a.Name = &n
			}
			if v, ok := args.Int(1); ok {
				a.Value = &v
			}
			rows, err := d.Configure(ctx, session{c}, a)
			if err != nil || a.Value != nil {
				return status(err), err
			}
			w, err := c.Rows(
				handler.Column{Name: "name", Type: sqltype.Sized(sqltype.NVarChar, 35)}, handler.Column{Name: "minimum", Type: integer},
				handler.Column{Name: "maximum", Type: integer}, handler.Column{Name: "config_value", Type: integer}, handler.Column{Name: "run_value", Type: integer},
			)
			if err != nil {
				return 1, err
			}
			n := func(v int) sqltype.Value { return sqltype.NewInt(sqltype.Int, int64(v)) }
			for _, r := range rows {
				if err := w.Row(sqltype.NewText(sqltype.NVarChar, r.Name), n(r.Min), n(r.Max), n(r.Value), n(r.Run)); err != nil {
					return 1, err
				}
			}
			return 0, nil
		},
	}
}

func status(err error) int {
	if err != nil {
		return 1
	}
	return 0
}
