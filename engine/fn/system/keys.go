package system

import (
	"context"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// keys are the cryptographic functions, which Env.Keys does.
func keys() []def.Function {
	password := sqltype.Sized(sqltype.NVarChar, 128)
	phrase := def.NameArg
	guid := sqltype.Of(sqltype.UniqueIdentifier)
	f := func(name string, t sqltype.Type, least int, want ...sqltype.Type) def.Function {
		return def.Function{Name: name, Min: least, Max: len(want), Volatile: true, Bind: func(args []def.Arg) (def.Bound, error) {
			if err := def.Implicit(name, args, want); err != nil {
				return def.Bound{}, err
			}
			return def.Bound{Type: nullable(t), Want: want, NullIn: true, Eval: func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
				if env.Keys == nil {
					return sqltype.NullValue, missing(name)
				}
				v, err := env.Keys.Call(ctx, name, a)
				return typed(v, t, err)
			}}, nil
		}}
	}
	return []def.Function{
		f("KEY_GUID", guid, 1, name128), f("KEY_ID", def.Int, 1, name128),
		{Name: "KEY_NAME", Min: 1, Max: 1, Volatile: true, Bind: func(args []def.Arg) (def.Bound, error) {
			want := binMax
			if args[0].Type.Kind == sqltype.UniqueIdentifier {
				want = guid
			}
			g := f("KEY_NAME", name128, 1, want)
			return g.Bind(args)
		}},
		f("ENCRYPTBYKEY", varbin, 2, guid, binMax, def.Int, binMax), f("DECRYPTBYKEY", varbin, 1, binMax, def.Int, binMax),
		f("ASYMKEY_ID", def.Int, 1, name128), f("ENCRYPTBYASYMKEY", varbin, 2, def.Int, binMax),
		f("DECRYPTBYASYMKEY", varbin, 2, def.Int, binMax, password),
		f("DECRYPTBYKEYAUTOASYMKEY", varbin, 3, def.Int, password, binMax, def.Int, binMax),
		f("DECRYPTBYKEYAUTOCERT", varbin, 3, def.Int, password, binMax, def.Int, binMax),
		f("CERT_ID", def.Int, 1, name128), f("ENCRYPTBYCERT", varbin, 2, def.Int, binMax), f("DECRYPTBYCERT", varbin, 2, def.Int, binMax, password),
		f("SIGNBYASYMKEY", varbin, 2, def.Int, binMax, password), f("SIGNBYCERT", varbin, 2, def.Int, binMax, password),
		f("VERIFYSIGNEDBYASYMKEY", def.Int, 3, def.Int, binMax, binMax), f("VERIFYSIGNEDBYCERT", def.Int, 3, def.Int, binMax, binMax),
		f("ASYMKEYPROPERTY", variant, 2, def.Int, name128), f("SYMKEYPROPERTY", variant, 2, def.Int, name128), f("CERTPROPERTY", variant, 2, def.Int, name128),
		f("CERTENCODED", varbin, 1, def.Int), f("CERTPRIVATEKEY", varbin, 2, def.Int, password, password),
		f("ENCRYPTBYPASSPHRASE", varbin, 2, phrase, binMax, def.Int, binMax), f("DECRYPTBYPASSPHRASE", varbin, 2, phrase, binMax, def.Int, binMax),
		f("PWDENCRYPT", sqltype.Sized(sqltype.VarBinary, 128), 1, password), f("PWDCOMPARE", def.Int, 2, password, sqltype.Sized(sqltype.VarBinary, 128), def.Int),
	}
}

// refused are functions of SQL Server's that are known and not supported.
func refused() []def.Function {
	var list []def.Function
	for _, g := range []struct {
		why   string
		names []string
	}{
		{"there is no full-text search", []string{"FULLTEXTCATALOGPROPERTY", "FULLTEXTSERVICEPROPERTY"}},
		{"databases have one file of their own form", []string{"FILE_ID", "FILE_IDEX", "FILE_NAME", "FILEGROUP_ID", "FILEGROUP_NAME", "FILEGROUPPROPERTY", "FILEPROPERTY", "FILEPROPERTYEX", "FILETABLEROOTPATH", "GET_FILESTREAM_TRANSACTION_CONTEXT"}},
		{"permissions are asked by HAS_PERMS_BY_NAME", []string{"PERMISSIONS", "HAS_PERMS_BY_NAME_EX"}},
		{"modules are not signed", []string{"IS_OBJECTSIGNED"}},
		{"there are no statistics of that kind", []string{"STATS_DATE"}},
		{"there is no replication", []string{"PUBLISHINGSERVERNAME"}},
		{"triggers do not tell", []string{"COLUMNS_UPDATED", "EVENTDATA", "TRIGGER_NESTLEVEL"}},
		{"text pointers were replaced by the max types", []string{"TEXTPTR", "TEXTVALID"}},
		{"there are no partitions", []string{"$PARTITION"}},
		{"application locks are not built", []string{"APPLOCK_MODE", "APPLOCK_TEST"}},
		{"assemblies do not run here", []string{"ASSEMBLYPROPERTY"}},
		{"index keys are in sys.index_columns", []string{"INDEXKEY_PROPERTY"}},
		{"not built", []string{"CURSOR_STATUS", "VERSION", "BASE64_ENCODE", "BASE64_DECODE", "BIT_COUNT", "GET_BIT", "SET_BIT", "LEFT_SHIFT", "RIGHT_SHIFT", "LOGINPROPERTY", "UNISTR", "REGEXP_LIKE", "REGEXP_REPLACE", "REGEXP_SUBSTR"}},
	} {
		for _, name := range g.names {
			list = append(list, def.Function{Name: name, Refused: g.why})
		}
	}
	return list
}
