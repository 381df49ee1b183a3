package sysview

import "latchkey/engine/schema"

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
