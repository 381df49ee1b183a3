package system

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/wtf8"
)

// maxInflated bounds what DECOMPRESS gives, in bytes.
const maxInflated = 256 << 20

func misc() []def.Function {
	guid := sqltype.Of(sqltype.UniqueIdentifier).NotNull()
	return []def.Function{
		def.Changing(def.Fixed("NEWID", guid, 0, nil, func(context.Context, *def.Env, []sqltype.Value) (sqltype.Value, error) {
			var b [16]byte
			rand.Read(b[:])
			b[7] = b[7]&0x0f | 0x40 // the version, in the third group, which is stored little-endian
			b[8] = b[8]&0x3f | 0x80
			return sqltype.NewGUID(b), nil
		})),
		newSequential(),
		nextValue(), userCall(),
		{Name: "HASHBYTES", Min: 2, Max: 2, Bind: bindHash, Note: "MD2 and MD4 give NULL"},
		def.Fixed("COMPRESS", binMax, 1, []sqltype.Type{binMax}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = io.WriteString(w, a[0].Bytes()) // a buffer takes all
			_ = w.Close()
			return sqltype.NewBytes(sqltype.VarBinary, b.String()), nil
		}),
		def.Fixed("DECOMPRESS", binMax, 1, []sqltype.Type{binMax}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			r, err := gzip.NewReader(strings.NewReader(a[0].Bytes()))
			if err != nil {
				return sqltype.NullValue, badArchive()
			}
			out, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
			if err != nil || len(out) > maxInflated {
				return sqltype.NullValue, badArchive()
			}
			return sqltype.NewBytes(sqltype.VarBinary, string(out)), nil
		}),
		def.Changing(def.Fixed("CRYPT_GEN_RANDOM", nullable(varbin), 1, []sqltype.Type{def.Int, varbin}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			n := a[0].Int()
			if n < 1 || n > sqltype.MaxBytes {
				return sqltype.NullValue, nil
			}
			b := make([]byte, n)
			rand.Read(b) // a seed adds nothing to it
			return sqltype.NewBytes(sqltype.VarBinary, string(b)), nil
		})),
		{Name: "FORMATMESSAGE", Min: 1, Max: 21, Bind: bindFormatMessage, Note: "with text, not with the number of a message"},
		{Name: "SQL_VARIANT_PROPERTY", Min: 2, Max: 2, Bind: bindVariantProperty},
		def.Fixed("COLLATIONPROPERTY", variant, 2, []sqltype.Type{name128, name128}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			c, err := collation.Parse(a[0].Text())
			if err != nil {
				return sqltype.NullValue, nil //nolint:nilerr // a name that is none has no properties
			}
			w := c.Wire()
			lcid := int64(w[0]) | int64(w[1])<<8 | int64(w[2]&0x0f)<<16
			style := int64(196609) // ignore case, kana, width; others need their own bits
			if c.CaseSensitive() {
				style = 196608
			}
			if strings.Contains(c.String(), "_BIN") {
				style = 0
			}
			switch strings.ToLower(trimName(a[1])) {
			case "codepage":
				return def.IntValue(c.CodePage()), nil
			case "lcid":
				return sqltype.NewInt(sqltype.Int, lcid), nil
			case "comparisonstyle":
				return sqltype.NewInt(sqltype.Int, style), nil
			case "version":
				return sqltype.NewInt(sqltype.TinyInt, int64(w[3]>>4)), nil
			}
			return sqltype.NullValue, nil
		}),
	}
}

func badArchive() error {
	return &sqltype.Error{Number: 12500, Level: 16, State: 1, Message: "The archive entry was compressed using an unsupported compression method."}
}

// newSequential gives identifiers that sort by the statement's time in milliseconds and then by a counter of the place in the
// statement; the rest is random.
func newSequential() def.Function {
	return def.Function{Name: "NEWSEQUENTIALID", Min: 0, Max: 0, Volatile: true, Note: "sorts by the time, not by a counter of the machine", Bind: func([]def.Arg) (def.Bound, error) {
		var count atomic.Uint32
		return def.Bound{Type: sqltype.Of(sqltype.UniqueIdentifier).NotNull(), Eval: func(_ context.Context, env *def.Env, _ []sqltype.Value) (sqltype.Value, error) {
			var b [16]byte
			rand.Read(b[:6])
			n := count.Add(1)
			binary.BigEndian.PutUint64(b[8:], uint64(max(0, env.Now.UnixMilli()))) // the last six bytes compare first
			binary.BigEndian.PutUint16(b[8:], uint16(n>>16))                       // then these two
			binary.BigEndian.PutUint16(b[6:], uint16(n))                           // and these
			return sqltype.NewGUID(b), nil
		}}, nil
	}}
}

func bindHash(args []def.Arg) (def.Bound, error) {
	t := args[1].Type
	want := []sqltype.Type{name128, binMax}
	if !t.Kind.IsText() && !t.Kind.IsBinary() && t.Kind != sqltype.Null || t.Kind.IsLegacyLOB() {
		return def.Bound{}, def.BadType(t, 2, "hashbytes")
	}
	return def.Bound{Type: nullable(varbin), Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		data := []byte(a[1].Bytes())
		var sum []byte
		switch strings.ToUpper(trimName(a[0])) {
		case "MD5":
			h := md5.Sum(data)
			sum = h[:]
		case "SHA", "SHA1":
			h := sha1.Sum(data)
			sum = h[:]
		case "SHA2_256":
			h := sha256.Sum256(data)
			sum = h[:]
		case "SHA2_512":
			h := sha512.Sum512(data)
			sum = h[:]
		default:
			return sqltype.NullValue, nil
		}
		return sqltype.NewBytes(sqltype.VarBinary, string(sum)), nil
	}}, nil
}

func bindFormatMessage(args []def.Arg) (def.Bound, error) {
	if k := args[0].Type.Kind; !k.IsText() && k != sqltype.Null {
		return def.Bound{}, &def.Refusal{Name: "FORMATMESSAGE(number)", Why: "there are no user-defined messages"}
	}
	want := make([]sqltype.Type, len(args))
	want[0] = sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)
	for i, a := range args[1:] {
		switch k := a.Type.Kind; {
		case k.IsInteger(), k == sqltype.Null:
		case k.IsText() && !k.IsLegacyLOB():
			want[i+1] = sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)
		default:
			return def.Bound{}, &sqltype.Error{Number: 2748, Level: 16, State: 1, Message: fmt.Sprintf("Cannot specify %s data type (parameter %d) as a substitution parameter.", a.Type.Kind, i+2)}
		}
	}
	return def.Bound{Type: nullable(sqltype.Sized(sqltype.NVarChar, 2048)), Want: want, NullIn: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if a[0].IsNull() {
			return sqltype.NullValue, nil
		}
		s, err := FormatMessage(a[0].Text(), a[1:])
		return sqltype.NewText(sqltype.NVarChar, s), err
	}}, nil
}

// maxMessage is the length of a message in characters; a longer one ends in three points.
const maxMessage = 2047

// FormatMessage fills values into a message as RAISERROR and FORMATMESSAGE do: %s, %d, %i, %u, %o, %x and %X with flags, width and precision
// (* takes them from the values), %% for %. A value that is missing or NULL is written (null). Message 2787 for another specification,
// 2786 for a value of the wrong type.
func FormatMessage(format string, args []sqltype.Value) (string, error) {
	var b strings.Builder
	n := 0
	next := func() sqltype.Value {
		n++
		if n > len(args) {
			return sqltype.NullValue
		}
		return args[n-1]
	}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		start := i
		if i++; i < len(format) && format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		spec := "%"
		for i < len(format) && strings.IndexByte("+-0# ", format[i]) >= 0 {
			spec += format[i : i+1]
			i++
		}
		number := func() string {
			if i < len(format) && format[i] == '*' {
				i++
				return strconv.FormatInt(min(max(next().Int(), -maxMessage), maxMessage), 10)
			}
			from := i
			for i < len(format) && format[i] >= '0' && format[i] <= '9' {
				i++
			}
			if i-from > 4 {
				return strconv.Itoa(maxMessage)
			}
			return format[from:i]
		}
		spec += number()
		if i < len(format) && format[i] == '.' {
			i++
			spec += "." + number()
		}
		if strings.HasPrefix(format[i:], "I64") {
			i += 3
		} else if i < len(format) && (format[i] == 'l' || format[i] == 'h') {
			i++
		}
		if i >= len(format) {
			return "", bad2787(format[start:])
		}
		verb := format[i]
		if strings.IndexByte("diouxXs", verb) < 0 {
			return "", bad2787(format[start : i+1])
		}
		v := next()
		switch {
		case v.IsNull():
			if dot := strings.IndexByte(spec, '.'); dot >= 0 {
				spec = spec[:dot]
			}
			fmt.Fprintf(&b, strings.ReplaceAll(strings.ReplaceAll(spec, "0", ""), "#", "")+"s", "(null)")
		case verb == 's' && v.Kind().IsText():
			fmt.Fprintf(&b, strings.NewReplacer("#", "", "+", "").Replace(spec)+"s", v.Text())
		case verb != 's' && v.Kind().IsInteger():
			switch verb {
			case 'i', 'd':
				fmt.Fprintf(&b, spec+"d", v.Int())
			case 'u':
				fmt.Fprintf(&b, spec+"d", unsigned(v))
			default:
				fmt.Fprintf(&b, spec+string(verb), unsigned(v))
			}
		default:
			return "", &sqltype.Error{Number: 2786, Level: 16, State: 1, Message: fmt.Sprintf("The data type of substitution parameter %d does not match the expected type of the format specification.", n)}
		}
		if b.Len() > 4*maxMessage {
			break
		}
	}
	s := b.String()
	if wtf8.Len(s) > maxMessage {
		s = wtf8.Truncate(s, maxMessage-3) + "..."
	}
	return s, nil
}

func bad2787(spec string) error {
	return &sqltype.Error{Number: 2787, Level: 16, State: 1, Message: fmt.Sprintf("Invalid format specification: '%s'.", spec)}
}

func unsigned(v sqltype.Value) uint64 {
	if v.Kind() == sqltype.BigInt {
		return uint64(v.Int())
	}
	return uint64(uint32(v.Int()))
}

func bindVariantProperty(args []def.Arg) (def.Bound, error) {
	if err := def.Implicit("sql_variant_property", args[1:], []sqltype.Type{name128}); err != nil {
		return def.Bound{}, err
	}
	t := args[0].Type
	return def.Bound{Type: nullable(variant), Want: []sqltype.Type{{}, name128}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		v := a[0]
		of := t
		if t.Kind == sqltype.Variant { // only the value is known
			of = sqltype.Type{Kind: v.Kind(), Precision: uint8(v.Precision()), Scale: uint8(v.Scale())}
			switch {
			case v.Kind().IsNational():
				of.Length = wtf8.Len(v.Text())
			case v.Kind().IsText():
				of.Length = of.Collation.EncodedLen(v.Text())
			case v.Kind().IsBinary():
				of.Length = len(v.Bytes())
			}
		}
		precision, scale := of.Digits()
		switch strings.ToLower(trimName(a[1])) {
		case "basetype":
			return sqltype.NewText(sqltype.NVarChar, of.Kind.MessageName()), nil
		case "precision":
			return def.IntValue(precision), nil
		case "scale":
			return def.IntValue(scale), nil
		case "maxlength":
			return def.IntValue(of.StorageBytes()), nil
		case "totalbytes":
			return def.IntValue(of.StorageBytes() + 2), nil
		case "collation":
			if of.Kind.IsText() {
				return sqltype.NewText(sqltype.NVarChar, of.Collation.String()), nil
			}
		}
		return sqltype.NullValue, nil
	}}, nil
}
