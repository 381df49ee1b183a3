package sysview

import (
	"slices"
	"strings"

	"latchkey/engine/schema"
)

// systemObjects are the system views themselves. Their ids are below zero and hold for one version of the server.
func (l *lister) systemObjects() ([]row, error) {
	all := slices.Concat(Names(), l.Others)
	slices.Sort(all)
	var out []row
	for i, full := range slices.Compact(all) {
		in, name, _ := strings.Cut(full, ".")
		if Arguments(full) != nil {
			continue
		}
		id := schema.Sys
		if in != "sys" {
			id, name = schema.InformationSchema, strings.ToUpper(name)
		}
		out = append(out, row{
			"name": name, "object_id": -1000 - i, "schema_id": id, "parent_object_id": 0, "type": "V", "type_desc": "VIEW", "is_ms_shipped": true,
		})
	}
	return out, nil
}

func (l *lister) systemViews() ([]row, error) {
	out, err := l.systemObjects()
	for _, r := range out {
		r.with(row{"with_check_option": false, "ledger_view_type": 0, "ledger_view_type_desc": "NON_LEDGER_VIEW"})
	}
	return out, err
}

// both are the rows of two makers.
func (l *lister) both(a, b func() ([]row, error)) ([]row, error) {
	out, err := a()
	if err != nil {
		return nil, err
	}
	more, err := b()
	return append(out, more...), err
}

func (l *lister) allObjects() ([]row, error) { return l.both(l.objects, l.systemObjects) }

func (l *lister) allViews() ([]row, error) { return l.both(l.views, l.systemViews) }

// allocationUnits has one for each partition; the pages of an index are not counted.
func (l *lister) allocationUnits() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		out = append(out, row{
			"allocation_unit_id": partitionID(i), "type": 1, "type_desc": "IN_ROW_DATA", "container_id": partitionID(i), "data_space_id": 1,
			"total_pages": 0, "used_pages": 0, "data_pages": 0,
		})
		return nil
	})
	return out, err
}

func (l *lister) infoSequences() ([]row, error) {
	return list(l, func(q *schema.Sequence) row {
		p, s := q.Type.Digits()
		return l.named("SEQUENCE", q.Meta()).with(row{
			"DATA_TYPE": q.Type.Kind.String(), "NUMERIC_PRECISION": p, "NUMERIC_PRECISION_RADIX": 10, "NUMERIC_SCALE": s,
			"START_VALUE": variant{q.Start, q.Type}, "MINIMUM_VALUE": variant{q.Min, q.Type}, "MAXIMUM_VALUE": variant{q.Max, q.Type},
			"INCREMENT": variant{q.Increment, q.Type}, "CYCLE_OPTION": q.Cycle,
		})
	})
}

// infoDomains are the alias types.
func (l *lister) infoDomains() (out []row, err error) {
	for _, u := range l.Snapshot.Types() {
		if u.Table == nil {
			out = append(out, infoType(u.Base).with(row{"DOMAIN_CATALOG": l.Database, "DOMAIN_SCHEMA": u.Schema, "DOMAIN_NAME": u.Name}))
		}
	}
	return out, nil
}
