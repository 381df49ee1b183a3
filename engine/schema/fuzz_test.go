package schema_test

import (
	"encoding/json"
	"testing"

	"latchkey/engine/schema"
)

// FuzzDecode reads definitions as rows of a database have them, which a damaged or forged file gives: an error or an object that is written
// and read again as itself.
func FuzzDecode(f *testing.F) {
	for _, def := range []string{
		`{}`, `null`, `[]`, `{"Columns":[null]}`, `{"Columns":[null],"Key":{"Columns":[{"Column":1}]}}`, `{"Columns":[{"Plain":{"ID":1,"Name":"a"},"Type":{}}]}`,
		`{"Columns":[{"Plain":{"ID":1},"Type":{"Kind":56}}],"Key":{"Columns":[{"Column":1}]}}`, `{"Key":{"Columns":[null]}}`, `{"Key":{"Columns":[{"Column":7}]}}`,
		`{"Module":null}`, `{"Params":[null]}`, `{"Plain":null,"Type":{"Kind":255,"Length":-5}}`, `{"Plain":{"Params":[{"Type":{"Collation":"x"}}]}}`,
	} {
		for k := range schema.MaxKind {
			f.Add(uint8(k), []byte(def))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, def []byte) {
		o, err := schema.Decode(schema.Kind(kind), def)
		if err != nil {
			return
		}
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := schema.Decode(schema.Kind(kind), b); err != nil {
			t.Errorf("what was written cannot be read: %v\n%s", err, b)
		}
	})
}
