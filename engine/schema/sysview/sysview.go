package sysview

import (
	"context"
	"errors"

	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// ErrNoView means that there is no such view here.
var ErrNoView = errors.New("no such view")

// Column is a column of a view.
type Column struct {
	Name string
	Type sqltype.Type
}

// Env is what a view is shown with.
type Env struct {
	Snapshot *schema.Snapshot
	// DatabaseID and Database are the database's id and name.
	DatabaseID int
	Database   string
	// Visible reports whether the caller may see an object; nil shows all. A constraint is asked for by its table.
	Visible func(schema.Object) bool
	// Count gives the number of rows of a table; nil gives 0.
	Count func(ctx context.Context, t *schema.Table) (int64, error)
	// LastIdentity gives the last value of a table's identity; nil knows none.
	LastIdentity func(ctx context.Context, t *schema.Table) (int64, bool, error)
	// System is what the server brings along; nil shows none of it.
	System *System
	// Arguments are those of a function; see [Arguments].
	Arguments []sqltype.Value
	// LastValue gives the last value of a sequence; nil knows none.
	LastValue func(ctx context.Context, q *schema.Sequence) (int64, bool, error)
	// Owner names a database principal by id; nil knows the fixed ones.
	Owner func(id int) string
}

// lister is a view being made.
type lister struct {
	Env
	ctx context.Context //nolint:containedctx // of the one call of Rows that it lives for
}

// Rows is the rows of a view, sorted by id, those of Env.System last. ErrNoView for a name that is none.
func Rows(ctx context.Context, view string, env Env) ([][]sqltype.Value, error) {
	make, ok := makers[view]
	if !ok {
		return nil, ErrNoView
	}
	rows, err := make(&lister{env, ctx})
	if err != nil {
		return nil, err
	}
	out, err := table(view, rows)
	if err != nil || env.System == nil {
		return out, err
	}
	system, err := env.System.rows()
	return append(out, system[view]...), err
}

// makers are the views.
var makers = map[string]func(*lister) ([]row, error){
	"sys.objects":                                (*lister).objects,
	"sys.all_objects":                            (*lister).objects,
	"sys.tables":                                 (*lister).tables,
	"sys.views":                                  (*lister).views,
	"sys.all_views":                              (*lister).views,
	"sys.procedures":                             (*lister).procedures,
	"sys.columns":                                (*lister).columns,
	"sys.all_columns":                            (*lister).columns,
	"sys.identity_columns":                       (*lister).identityColumns,
	"sys.computed_columns":                       (*lister).computedColumns,
	"sys.types":                                  (*lister).types,
	"sys.table_types":                            (*lister).tableTypes,
	"sys.schemas":                                (*lister).schemas,
	"sys.indexes":                                (*lister).indexes,
	"sys.index_columns":                          (*lister).indexColumns,
	"sys.key_constraints":                        (*lister).keyConstraints,
	"sys.check_constraints":                      (*lister).checkConstraints,
	"sys.default_constraints":                    (*lister).defaultConstraints,
	"sys.foreign_keys":                           (*lister).foreignKeys,
	"sys.foreign_key_columns":                    (*lister).foreignKeyColumns,
	"sys.sql_modules":                            (*lister).modules,
	"sys.all_sql_modules":                        (*lister).modules,
	"sys.parameters":                             (*lister).parameters,
	"sys.all_parameters":                         (*lister).parameters,
	"sys.triggers":                               (*lister).triggers,
	"sys.sequences":                              (*lister).sequences,
	"sys.synonyms":                               (*lister).synonyms,
	"sys.partitions":                             (*lister).partitions,
	"sys.dm_db_partition_stats":                  (*lister).partitionStats,
	"sys.allocation_units":                       (*lister).allocationUnits,
	"sys.system_objects":                         (*lister).none,
	"sys.system_views":                           (*lister).none,
	"sys.system_columns":                         (*lister).none,
	"information_schema.sequences":               (*lister).infoSequences,
	"information_schema.domains":                 (*lister).infoDomains,
	"sys.stats":                                  (*lister).stats,
	"sys.data_spaces":                            (*lister).dataSpaces,
	"sys.filegroups":                             (*lister).dataSpaces,
	"sys.extended_properties":                    (*lister).extendedProperties,
	"sys.fn_listextendedproperty":                (*lister).listProperties,
	"sys.sysobjects":                             (*lister).sysobjects,
	"sys.syscomments":                            (*lister).syscomments,
	"sys.syscolumns":                             (*lister).syscolumns,
	"sys.systypes":                               (*lister).systypes,
	"sys.sysindexes":                             (*lister).sysindexes,
	"information_schema.tables":                  (*lister).infoTables,
	"information_schema.columns":                 (*lister).infoColumns,
	"information_schema.views":                   (*lister).infoViews,
	"information_schema.table_constraints":       (*lister).infoTableConstraints,
	"information_schema.key_column_usage":        (*lister).infoKeyColumns,
	"information_schema.constraint_column_usage": (*lister).infoConstraintColumns,
	"information_schema.constraint_table_usage":  (*lister).infoConstraintTables,
	"information_schema.referential_constraints": (*lister).infoReferential,
	"information_schema.check_constraints":       (*lister).infoChecks,
	"information_schema.schemata":                (*lister).infoSchemata,
	"information_schema.routines":                (*lister).infoRoutines,
	"information_schema.parameters":              (*lister).infoParameters,
}

// visible are the objects that the caller may see, by id.
func (l *lister) visible() []schema.Object {
	var out []schema.Object
	for _, o := range l.Snapshot.Objects() {
		if l.sees(o) {
			out = append(out, o)
		}
	}
	return out
}

func (l *lister) sees(o schema.Object) bool {
	if l.Visible == nil {
		return true
	}
	if p := o.Meta().Parent; p != 0 {
		if t := l.Snapshot.ByID(p); t != nil {
			o = t
		}
	}
	return l.Visible(o)
}

// each visits the visible objects of one kind.
func each[T schema.Object](l *lister, visit func(T) error) error {
	for _, o := range l.visible() {
		if t, ok := o.(T); ok {
			if err := visit(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// list is each for makers of one row.
func list[T schema.Object](l *lister, make func(T) row) ([]row, error) {
	var out []row
	err := each(l, func(o T) error {
		if r := make(o); r != nil {
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// owner names a database principal.
func (l *lister) owner(id int) string {
	if l.Owner != nil {
		return l.Owner(id)
	}
	if id == 1 {
		return "dbo"
	}
	for _, s := range l.Snapshot.Schemas() {
		if s.ID == id && (id < 5 || id >= 16384) {
			return s.Name
		}
	}
	return ""
}
