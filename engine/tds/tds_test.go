package tds_test

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/tds"
)

var opts = cmp.Options{cmp.AllowUnexported(tds.Table{})}

// The two directions; those of the login phase are in package login.
var (
	_ = []tds.ClientMessage{(*tds.Batch)(nil), (*tds.RPC)(nil), (*tds.TransMgr)(nil), (*tds.Bulk)(nil)}
	_ = []tds.ServerToken{
		(*tds.EnvChange)(nil), (*tds.Message)(nil), (*tds.LoginAck)(nil), (*tds.FeatureAck)(nil), (*tds.ColMetadata)(nil), (*tds.Row)(nil),
		(*tds.Order)(nil), (*tds.ReturnStatus)(nil), (*tds.ReturnValue)(nil), (*tds.Done)(nil),
	}
)

// captures reads what real clients sent, by packet type.
func captures(t testing.TB, typ string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "captures", "*-"+typ))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures of type %s: %v", typ, err)
	}
	out := make(map[string][]byte)
	for _, f := range files {
		if out[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What real clients sent decodes, and what it decodes to encodes to the same bytes.
func TestCaptures(t *testing.T) {
	for name, b := range captures(t, "01") {
		var m tds.Batch
		if err := m.Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(b, m.Append(nil)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, b := range captures(t, "0e") {
		var m tds.TransMgr
		if err := m.Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(b, m.Append(nil)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	same := 0
	for name, b := range captures(t, "03") {
		var m, again tds.RPC
		if err := m.Decode(b, tds.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		enc := m.Append(nil)
		if cmp.Equal(b, enc) {
			same++
			continue
		}
		// Chunks of a max type may be cut differently; the meaning is the same.
		if err := again.Decode(enc, tds.Limits{}); err != nil || !cmp.Equal(m, again, opts) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(m, again, opts))
		}
	}
	if same < 10 {
		t.Errorf("only %d calls encode to the captured bytes", same)
	}
}

// Messages written by hand from the protocol's tables.
func TestServerTokensAreTheseBytes(t *testing.T) {
	col := func(name string, ti tds.TypeInfo) tds.Column {
		return tds.Column{Name: name, Flags: tds.ColumnNullable, Type: ti}
	}
	coll := [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}
	for _, test := range []struct {
		name  string
		token tds.ServerToken
		v     tds.Version
		want  string
	}{
		{"database", &tds.EnvChange{Type: tds.EnvDatabase, New: "a", Old: "bc"}, tds.V74, "E3 0900 01 01 6100 02 62006300"},
		{"collation", &tds.EnvChange{Type: tds.EnvCollation, NewBytes: coll[:]}, tds.V74, "E3 0800 07 05 0904D00034 00"},
		{"begin", &tds.EnvChange{Type: tds.EnvBegin, NewBytes: tds.Descriptor(1)}, tds.V74, "E3 0B00 08 08 0100000000000000 00"},
		{"commit", &tds.EnvChange{Type: tds.EnvCommit, OldBytes: tds.Descriptor(1)}, tds.V74, "E3 0B00 09 00 08 0100000000000000"},
		{"reset", &tds.EnvChange{Type: tds.EnvResetDone}, tds.V74, "E3 0300 12 00 00"},
		{"error", &tds.Message{Number: 208, State: 1, Class: 16, Text: "x", Server: "S", Procedure: "", Line: 3}, tds.V74, "AA 1200 D0000000 01 10 0100 7800 01 5300 00 03000000"},
		{"error of 7.1", &tds.Message{Number: 208, State: 1, Class: 16, Text: "x", Server: "S", Line: 3}, tds.V71, "AA 1000 D0000000 01 10 0100 7800 01 5300 00 0300"},
		{"info", &tds.Message{Info: true, Number: 5701, State: 2, Text: "x", Line: 1}, tds.V74, "AB 1000 45160000 02 00 0100 7800 00 00 01000000"},
		{"loginack", &tds.LoginAck{Interface: 1, Version: tds.V74, Program: "M", Server: [4]byte{16, 0, 3, 232}}, tds.V74, "AD 0C00 01 74000004 01 4D00 100003E8"},
		{"featureextack", &tds.FeatureAck{Features: []tds.Feature{{ID: tds.FeatureUTF8, Data: []byte{1}}}}, tds.V74, "AE 0A 01000000 01 FF"},
		{"done", &tds.Done{Status: tds.DoneCount | tds.DoneMore, Command: tds.CommandSelect, Rows: 2}, tds.V72, "FD 1100 C100 0200000000000000"},
		{"done of 7.1", &tds.Done{Status: tds.DoneError}, tds.V71, "FD 0200 0000 00000000"},
		{"doneproc", &tds.Done{Kind: tds.DoneProc}, tds.V74, "FE 0000 0000 0000000000000000"},
		{"attention", &tds.Done{Status: tds.DoneAttention}, tds.V74, "FD 2000 0000 0000000000000000"},
		{"order", &tds.Order{Columns: []uint16{1, 3}}, tds.V74, "A9 0400 0100 0300"},
		{"returnstatus", &tds.ReturnStatus{Value: -1}, tds.V74, "79 FFFFFFFF"},
		{"returnvalue", &tds.ReturnValue{Ordinal: 1, Name: "@a", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}, Value: []byte{7, 0, 0, 0}}, tds.V74, "AC 0100 02 40006100 01 00000000 0000 26 04 04 07000000"},
		{"a decimal as FreeTDS sends it", &tds.ReturnValue{Ordinal: 1, Name: "@a", Type: tds.TypeInfo{ID: tds.TypeNumericN, Size: 3, Precision: 3, Scale: 2}, Value: []byte{1, 125, 0}}, tds.V74, "AC 0100 02 40006100 01 00000000 0000 6C 03 03 02 03 01 7D00"},
		{"colmetadata", &tds.ColMetadata{Columns: []tds.Column{
			col("a", tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.SizeMax, Collation: coll}),
			col("b", tds.TypeInfo{ID: tds.TypeDecimalN, Size: 9, Precision: 18, Scale: 2}),
			col("c", tds.TypeInfo{ID: tds.TypeTimeN, Size: 5, Scale: 7}),
		}}, tds.V74, "81 0300 00000000 0100 E7 FFFF 0904D00034 01 6100  00000000 0100 6A 09 12 02 01 6200  00000000 0100 29 07 01 6300"},
		{"no metadata", &tds.ColMetadata{}, tds.V74, "81 FFFF"},
		{"row", &tds.Row{Columns: []tds.Column{col("", tds.TypeInfo{ID: tds.TypeIntN, Size: 4}), col("", tds.TypeInfo{ID: tds.TypeBigVarChar, Size: 5})}, Cells: [][]byte{{1, 0, 0, 0}, []byte("ab")}}, tds.V74, "D1 04 01000000 0200 6162"},
		{"nbcrow", &tds.Row{Compress: true, Columns: []tds.Column{col("", tds.TypeInfo{ID: tds.TypeIntN, Size: 4}), col("", tds.TypeInfo{ID: tds.TypeBigVarChar, Size: 5})}, Cells: [][]byte{nil, []byte("ab")}}, tds.V74, "D2 01 0200 6162"},
		{"no nbcrow before 7.3B", &tds.Row{Compress: true, Columns: []tds.Column{col("", tds.TypeInfo{ID: tds.TypeIntN, Size: 4})}, Cells: [][]byte{nil}}, tds.V72, "D1 00"},
		{"plp", &tds.Row{Columns: []tds.Column{col("", tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: tds.SizeMax})}, Cells: [][]byte{{1, 2}}}, tds.V74, "D1 0200000000000000 02000000 0102 00000000"},
	} {
		if got, want := test.token.Append(nil, test.v), unhex(t, test.want); !cmp.Equal(got, want) {
			t.Errorf("%s: % X, want % X", test.name, got, want)
		}
		if test.v.Old() || test.name == "row" || strings.Contains(test.name, "nbcrow") || test.name == "plp" {
			continue
		}
		back, err := tds.DecodeReply(unhex(t, test.want), tds.Limits{})
		if err != nil || len(back) != 1 || !cmp.Equal(back[0].Append(nil, test.v), unhex(t, test.want)) {
			t.Errorf("%s came back as %v, %v", test.name, back, err)
		}
	}
}

func TestPacketsAreCutAndMarked(t *testing.T) {
	body := make([]byte, 1200)
	out, next := tds.AppendPackets(nil, tds.Header{Type: tds.PacketRPC, Status: tds.StatusReset, ID: 1}, body, 512)
	if len(out) != 1200+3*8 || next != 4 {
		t.Fatalf("%d bytes, next id %d", len(out), next)
	}
	for i, want := range []tds.Header{
		{Type: tds.PacketRPC, Status: tds.StatusReset, Length: 512, ID: 1},
		{Type: tds.PacketRPC, Length: 512, ID: 2},
		{Type: tds.PacketRPC, Status: tds.StatusEnd, Length: 200 - 8 + 8, ID: 3},
	} {
		h, err := tds.DecodeHeader(out[512*i:], 4096)
		if i == 2 {
			want.Length = 1200 - 2*504 + 8
		}
		if err != nil || h != want {
			t.Errorf("packet %d is %+v, %v, want %+v", i, h, err, want)
		}
	}
	for _, bad := range []string{"04 01 0007 0000 01 00", "04 01 1001 0000 01 00", "04 01"} {
		if _, err := tds.DecodeHeader(unhex(t, bad), 4096); err == nil {
			t.Errorf("%s is a header", bad)
		}
	}
}

func sampleRPC() *tds.RPC {
	coll := [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}
	table := &tds.Table{Schema: "dbo", Type: "T", Columns: []tds.TableColumn{
		{Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}, {Flags: 0x200, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 8}}, {Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.SizeMax, Collation: coll}},
	}}
	table.AddRow([]byte{1, 0, 0, 0}, nil, []byte("a\x00"))
	table.AddRow(nil, nil, nil)
	return &tds.RPC{
		Headers: tds.Headers{Transaction: 5, Outstanding: 1, Trace: make([]byte, 20)},
		Calls: []tds.Call{
			{ProcID: tds.ProcExecuteSQL, Params: []tds.Param{
				{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 100, Collation: coll}, Value: []byte("s\x00")},
				{Name: "@n", Output: true, Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}, Value: []byte{1, 2, 3, 4}},
				{Name: "@x", Default: true, Type: tds.TypeInfo{ID: tds.TypeNText, Size: 100, Collation: coll}, Value: []byte("t\x00")},
				{Name: "@d", Type: tds.TypeInfo{ID: tds.TypeDateTimeOffset, Size: 10, Scale: 7}, Value: make([]byte, 10)},
				{Name: "@v", Type: tds.TypeInfo{ID: tds.TypeVariant, Size: 8009}, Value: []byte{0x38, 0, 1, 0, 0, 0}},
				{Name: "@m", Type: tds.TypeInfo{ID: tds.TypeXML, Size: tds.SizeMax}, Value: []byte{}},
				{Name: "@null", Type: tds.TypeInfo{ID: tds.TypeImage, Size: 10}},
			}},
			{Proc: "p", Options: 2, Params: []tds.Param{{Name: "@t", Type: tds.TypeInfo{ID: tds.TypeTable}, Table: table}}, NoExec: true},
		},
	}
}

func TestRPCRoundTrip(t *testing.T) {
	m := sampleRPC()
	var back tds.RPC
	if err := back.Decode(m.Append(nil), tds.Limits{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*m, back, opts, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".extra" }, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	rows := 0
	back.Calls[1].Params[0].Table.Rows(func(cells [][]byte) bool {
		if rows == 0 && (string(cells[0]) != "\x01\x00\x00\x00" || cells[1] != nil || string(cells[2]) != "a\x00") {
			t.Errorf("cells %q", cells)
		}
		rows++
		return true
	})
	if rows != 2 {
		t.Errorf("%d rows", rows)
	}
}

// Each is refused, with an error that says why, and no length field makes memory.
func TestHostileMessages(t *testing.T) {
	head := "16000000 12000000 0200 0000000000000000 01000000"
	for name, s := range map[string]string{
		"headers longer than the message": "FFFFFF7F 12000000 0200 0000000000000000 01000000",
		"header of length 0":              "16000000 00000000 0200 0000000000000000 01000000",
		"header twice":                    "28000000 12000000 0200 0000000000000000 01000000 12000000 0200 0000000000000000 01000000",
		"unknown procedure":               head + "FFFF 6300 0000",
		"name of 65534 characters":        head + "FEFF 6100",
		"parameter of an unknown type":    head + "FFFF 0A00 0000 00 00 99",
		"encrypted parameter":             head + "FFFF 0A00 0000 00 08 26 04 00",
		"decimal(50,0)":                   head + "FFFF 0A00 0000 00 00 6A 11 32 00 00",
		"time(9)":                         head + "FFFF 0A00 0000 00 00 29 09 00",
		"a value longer than its type":    head + "FFFF 0A00 0000 00 00 26 04 08 0000000000000000",
		"plp that claims 2^62 bytes":      head + "FFFF 0A00 0000 00 00 A5 FFFF 0000000000000040 00000000",
		"plp chunk of 4 GiB":              head + "FFFF 0A00 0000 00 00 A5 FFFF FEFFFFFFFFFFFFFF FFFFFFFF 00",
		"plp total that is not the sum":   head + "FFFF 0A00 0000 00 00 A5 FFFF 0300000000000000 01000000 61 00000000",
		"text of 2 GiB":                   head + "FFFF 0A00 0000 00 00 22 FFFFFF7F FFFFFF7F 00",
		"table of 60000 columns":          head + "FFFF 0A00 0000 00 00 F3 00 00 01 5400 60EA",
		"table in another database":       head + "FFFF 0A00 0000 00 00 F3 01 6100 00 01 5400 FFFF 00 00",
		"table with rows and no columns":  head + "FFFF 0A00 0000 00 00 F3 00 00 01 5400 FFFF 00 01 00",
		"table that does not end":         head + "FFFF 0A00 0000 00 00 F3 00 00 01 5400 0100 00000000 0000 26 04 00 00 01 04",
		"call without a name":             head + "0000 0000",
		"nothing":                         "",
	} {
		b := unhex(t, s)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var m tds.RPC
		err := m.Decode(b, tds.Limits{})
		runtime.ReadMemStats(&after)
		var e *tds.Error
		var te *tds.TypeError
		if !errors.As(err, &e) && !errors.As(err, &te) && !errors.Is(err, tds.ErrIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
	many := &tds.RPC{Calls: []tds.Call{{ProcID: tds.ProcExecuteSQL}}}
	for range 2101 {
		many.Calls[0].Params = append(many.Calls[0].Params, tds.Param{Type: tds.TypeInfo{ID: tds.TypeNull}})
	}
	if err := new(tds.RPC).Decode(many.Append(nil), tds.Limits{}); err == nil || !strings.Contains(err.Error(), "2100 parameters") {
		t.Errorf("2101 parameters: %v", err)
	}
}

// A bulk load decodes to the same rows however it is cut into pieces.
func TestBulkInPieces(t *testing.T) {
	cols := []tds.Column{{Name: "a", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}, {Name: "b", Type: tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: tds.SizeMax}}, {Name: "c", Type: tds.TypeInfo{ID: tds.TypeImage}, Table: []string{"dbo.t"}}}
	m := &tds.Bulk{Columns: cols}
	for i := range 20 {
		m.Rows = append(m.Rows, [][]byte{{byte(i), 0, 0, 0}, make([]byte, i*10), nil})
	}
	b := m.Append(nil)
	for _, size := range []int{1, 2, 3, 7, 50, 333, len(b)} {
		d := tds.NewBulkDecoder(tds.Limits{})
		var rows [][][]byte
		for at := 0; at < len(b)+size; at += size {
			if at >= len(b) {
				d.End()
			} else if _, err := d.Write(b[at:min(at+size, len(b))]); err != nil {
				t.Fatal(err)
			}
			for {
				cells, err := d.Next()
				if errors.Is(err, tds.ErrIncomplete) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				row := make([][]byte, len(cells))
				for i, c := range cells {
					if c != nil {
						row[i] = append([]byte{}, c...)
					}
				}
				rows = append(rows, row)
			}
		}
		if err := d.Close(); err != nil || !d.Done() || !cmp.Equal(rows, m.Rows) || !cmp.Equal(d.Columns(), cols) {
			t.Fatalf("in pieces of %d: %d rows, %v", size, len(rows), err)
		}
	}
	d := tds.NewBulkDecoder(tds.Limits{Value: 1000})
	if _, err := d.Write(make([]byte, 1001)); err == nil {
		t.Error("a row over the limit is taken")
	}
}

// What FreeTDS sends for a text column: the table's name is one text, and each value has a pointer in front.
func TestBulkOfText(t *testing.T) {
	d := tds.NewBulkDecoder(tds.Limits{})
	if _, err := d.Write(unhex(t, "81 0100 00000000 0900 23 FFFFFF7F 0904D00034 0200 74003500 01 7800 D1 10 FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF 04000000 61626364 D1 00")); err != nil {
		t.Fatal(err)
	}
	cells, err := d.Next()
	if err != nil || string(cells[0]) != "abcd" || d.Columns()[0].Name != "x" || !cmp.Equal(d.Columns()[0].Table, []string{"t5"}) {
		t.Errorf("%q, %+v, %v", cells, d.Columns(), err)
	}
	if cells, err = d.Next(); err != nil || cells[0] != nil {
		t.Errorf("%q, %v", cells, err)
	}
	d.End()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestVersions(t *testing.T) {
	for asked, want := range map[tds.Version]tds.Version{
		0x72090002: tds.V72, 0x730A0003: tds.V73A, 0x730B0003: tds.V73B, 0x74000004: tds.V74, 0x75000000: tds.V74, 0x08000000: tds.V80, 0x08000001: tds.V80,
	} {
		if got, ok := tds.Negotiate(asked); !ok || got != want {
			t.Errorf("%#x: %v, %v", uint32(asked), got, ok)
		}
	}
	for _, bad := range []tds.Version{0, tds.V70, tds.V71, 0x71000000, 0x80000000, 0xFFFFFFFF} {
		if got, ok := tds.Negotiate(bad); ok {
			t.Errorf("%#x is %v", uint32(bad), got)
		}
	}
}

func FuzzBatch(f *testing.F) {
	for _, b := range captures(f, "01") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again tds.Batch
		if m.Decode(b) != nil {
			return
		}
		if err := again.Decode(m.Append(nil)); err != nil || m.Text != again.Text || m.Headers.Transaction != again.Headers.Transaction {
			t.Fatalf("%v: %+v became %+v", err, m, again)
		}
	})
}

func FuzzTransMgr(f *testing.F) {
	for _, b := range captures(f, "0e") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again tds.TransMgr
		if m.Decode(b) != nil {
			return
		}
		if err := again.Decode(m.Append(nil)); err != nil || m.Name != again.Name || m.Request != again.Request || m.NextName != again.NextName {
			t.Fatalf("%v: %+v became %+v", err, m, again)
		}
	})
}

func FuzzRPC(f *testing.F) {
	f.Add(sampleRPC().Append(nil))
	for _, b := range captures(f, "03") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again tds.RPC
		if m.Decode(b, tds.Limits{}) != nil {
			return
		}
		for _, c := range m.Calls {
			for _, p := range c.Params {
				if p.Table != nil {
					n := 0
					p.Table.Rows(func([][]byte) bool { n++; return true })
					if n != p.Table.Count {
						t.Fatalf("%d rows of %d", n, p.Table.Count)
					}
				}
			}
		}
		enc := m.Append(nil)
		if err := again.Decode(enc, tds.Limits{}); err != nil {
			t.Fatalf("%v: %+v", err, m)
		}
		if string(again.Append(nil)) != string(enc) {
			t.Fatalf("%+v became %+v", m, again)
		}
	})
}

func FuzzBulk(f *testing.F) {
	f.Add((&tds.Bulk{Columns: []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}}, Rows: [][][]byte{{{1, 0, 0, 0}}, {nil}}}).Append(nil), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		rows := func(size int) (n int, err error) {
			d := tds.NewBulkDecoder(tds.Limits{Value: 1 << 20})
			for at := 0; at < len(b)+size; at += size {
				if at >= len(b) {
					d.End()
				} else if _, err = d.Write(b[at:min(at+size, len(b))]); err != nil {
					return n, err
				}
				for {
					if _, err = d.Next(); err != nil {
						break
					}
					n++
				}
				if !errors.Is(err, tds.ErrIncomplete) {
					return n, err
				}
			}
			return n, d.Close()
		}
		n, err := rows(max(len(b), 1))
		m, err2 := rows(int(piece)%200 + 1)
		if n != m && err == nil || (err == nil) != (err2 == nil) {
			t.Fatalf("%d rows (%v) at once, %d (%v) in pieces", n, err, m, err2)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add(unhex(f, "81 0100 00000000 0100 26 04 01 6100 D1 04 01000000 D2 01 FD 1000 C100 0200000000000000"))
	f.Add(unhex(f, "E3 0900 01 01 6100 02 62006300 AA 1200 D0000000 01 10 0100 7800 01 5300 00 03000000 79 FFFFFFFF AC 0100 02 40006100 01 00000000 0000 26 04 04 07000000 FE 0000 0000 0000000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens, err := tds.DecodeReply(b, tds.Limits{})
		if err != nil {
			return
		}
		var enc []byte
		for _, token := range tokens {
			enc = token.Append(enc, tds.V74)
		}
		again, err := tds.DecodeReply(enc, tds.Limits{})
		if err != nil || len(again) != len(tokens) {
			t.Fatalf("%v: %d tokens became %d", err, len(tokens), len(again))
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("\x04\x01\x00\x08\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := tds.DecodeHeader(b, tds.MaxPacketSize)
		if err == nil && string(h.Append(nil)) != string(b[:8]) {
			t.Fatalf("% x became %+v", b, h)
		}
	})
}

func BenchmarkDecodeRPC(b *testing.B) {
	msg := sampleRPC().Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		var m tds.RPC
		if err := m.Decode(msg, tds.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
