package sysview

import (
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// sysobjects, syscolumns, systypes and sysindexes are the views of SQL Server 2000, which tools still ask.
func (l *lister) sysobjects() ([]row, error) {
	return list(l, func(o schema.Object) row {
		h := o.Meta()
		code := o.Kind().Code()
		old := code
		switch o.Kind() {
		case schema.PrimaryKeyKind, schema.UniqueKind:
			old = "K"
		}
		return row{
			"name": h.Name, "id": h.ID, "xtype": code, "type": old, "uid": h.SchemaID, "parent_obj": h.Parent, "crdate": h.Created,
			"refdate": h.Created, "info": len(columnsOf(o)), "status": 0, "base_schema_ver": 0, "replinfo": 0, "ftcatid": 0, "schema_ver": 0,
			"stats_schema_ver": 0, "version": 0, "deltrig": 0, "instrig": 0, "updtrig": 0, "seltrig": 0, "category": 0, "cache": 0,
			"userstat": 1, "sysstat": 3, "indexdel": 0,
		}
	})
}

func (l *lister) syscolumns() (out []row, err error) {
	err = l.eachColumn(func(o schema.Object, c *schema.Column) error {
		out = append(out, oldColumn(o.Meta().ID, c))
		return nil
	})
	return out, err
}

// oldColumn is a column of an object, by its id, in syscolumns.
func oldColumn(object int, c *schema.Column) row {
	p, s := precision(c.Type)
	user := c.UserType
	if user == 0 {
		user = c.Type.Kind.SystemID()
	}
	r := row{
		"name": c.Name, "id": object, "xtype": c.Type.Kind.SystemID(), "xusertype": user, "length": c.Type.StorageBytes(),
		"colid": c.ID, "colorder": c.ID, "number": 0, "status": 0, "colstat": 0, "cdefault": 0, "domain": 0, "type": c.Type.Kind.SystemID(),
		"usertype": user, "iscomputed": 0, "isoutparam": 0, "isnullable": 0, "offset": 0, "xoffset": 0, "bitpos": 0, "reserved": 0,
		"typestat": 0, "language": 0,
	}
	r["xprec"], r["xscale"] = digits(c.Type)
	if p >= 0 {
		r["prec"] = p
	}
	if s >= 0 {
		r["scale"] = s
	}
	if c.Type.Nullable {
		r["isnullable"], r["status"] = 1, 8
	}
	if c.Identity != nil {
		r["colstat"], r["status"] = 1, 128
	}
	if c.Computed != nil {
		r["iscomputed"] = 1
	}
	if c.Default != nil {
		r["cdefault"] = c.Default.ID
	}
	if c.Type.Kind.IsText() {
		r["collation"] = c.Type.Collation.String()
	}
	return r
}

func digits(t sqltype.Type) (int, int) { return t.Digits() }

// precision is prec and scale of syscolumns: characters of text, digits of numbers; below 0 for NULL.
func precision(t sqltype.Type) (p, s int) {
	p, s = t.Digits()
	switch {
	case t.IsLarge():
		return -1, -1
	case t.Kind.IsText() || t.Kind.IsBinary():
		return max(t.Length, 0), -1
	case !t.Kind.IsExact() && !t.Kind.IsDateTime():
		return p, -1
	}
	return p, s
}

func (l *lister) systypes() ([]row, error) {
	all, err := l.types()
	var out []row
	for _, t := range all {
		r := row{
			"name": t["name"], "xtype": t["system_type_id"], "xusertype": t["user_type_id"], "length": t["max_length"], "xprec": t["precision"],
			"xscale": t["scale"], "uid": t["schema_id"], "status": 0, "tdefault": 0, "domain": 0, "reserved": 0, "usertype": t["user_type_id"],
			"type": t["system_type_id"], "prec": t["precision"], "scale": t["scale"], "allownulls": t["is_nullable"],
		}
		if c, ok := t["collation_name"]; ok {
			r["collation"] = c
		}
		out = append(out, r)
	}
	return out, err
}

func (l *lister) sysindexes() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		n, err := l.count(i.table)
		status := 0
		if i.unique {
			status |= 2
		}
		if i.clustered {
			status |= 16
		}
		if i.primary {
			status |= 2048
		}
		if i.constraint {
			status |= 4096
		}
		r := row{
			"id": i.table.ID, "indid": i.id, "status": status, "keycnt": len(i.columns), "groupid": 1, "dpages": 0, "reserved": 0, "used": 0,
			"rowcnt": n, "rows": min(n, 1<<31-1), "rowmodctr": 0, "origfillfactor": i.fill, "minlen": 0, "xmaxlen": 0, "maxirow": 0,
		}
		if i.name != "" {
			r["name"] = i.name
		}
		out = append(out, r)
		return err
	})
	return out, err
}

// syscomments has the texts of modules, defaults and checks, in pieces of 4000 characters.
func (l *lister) syscomments() (out []row, err error) {
	err = each(l, func(o schema.Object) error {
		text := ""
		switch o := o.(type) {
		case *schema.Check:
			text = shown(o.Expr)
		case *schema.Default:
			text = shown(o.Expr)
		default:
			if m := module(o); m != nil {
				text = m.Text
			}
		}
		runes := []rune(text)
		for i := 1; len(runes) > 0; i++ {
			n := min(len(runes), 4000)
			out = append(out, row{
				"id": o.Meta().ID, "number": 0, "colid": i, "status": 0, "texttype": 2, "language": 0, "encrypted": false, "compressed": false,
				"text": string(runes[:n]),
			})
			runes = runes[n:]
		}
		return nil
	})
	return out, err
}
