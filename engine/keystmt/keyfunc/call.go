package keyfunc

import (
	"context"
	"fmt"
	"strings"

	"latchkey/engine/catalog/password"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/internal/secret"
)

// args are the arguments of one call. The first error stays.
type args struct {
	name   string
	values []sqltype.Value
	err    error
}

func (a *args) at(i int) sqltype.Value {
	if i >= len(a.values) {
		return sqltype.NullValue
	}
	return a.values[i]
}

func (a *args) wrong(i int) {
	if a.err == nil {
		a.err = &sqltype.Error{
			Number: 8116, Level: 16, State: 1,
			Message: fmt.Sprintf("Argument data type %s is invalid for argument %d of %s function.", a.at(i).Kind().MessageName(), i+1, strings.ToLower(a.name)),
		}
	}
}

// bytes of text or binary data, nil for NULL: text as the client's tables keep it, UTF-16 for the national types.
func (a *args) bytes(i int) []byte {
	v := a.at(i)
	switch k := v.Kind(); {
	case v.IsNull():
		return nil
	case k.IsNational():
		return wtf8.AppendUTF16LE([]byte{}, v.Text())
	case k.IsText():
		b, _ := collation.Default.AppendEncoded([]byte{}, v.Text())
		return b
	case k.IsBinary() || k == sqltype.UniqueIdentifier:
		return append([]byte{}, v.Bytes()...)
	}
	a.wrong(i)
	return nil
}

// text is a name or password; ok is false for NULL.
func (a *args) text(i int) (s string, ok bool) {
	v := a.at(i)
	if v.IsNull() {
		return "", false
	}
	if !v.Kind().IsText() {
		a.wrong(i)
	}
	return v.Text(), true
}

// secret is a password, nil for NULL.
func (a *args) secret(i int) *secret.Bytes {
	s, ok := a.text(i)
	if !ok {
		return nil
	}
	return secret.FromString(s)
}

// id is the id of a key, -1 for NULL.
func (a *args) id(i int) int {
	v := a.at(i)
	if v.IsNull() {
		return -1
	}
	if !v.Kind().IsInteger() {
		a.wrong(i)
	}
	return int(v.Int())
}

// auth reads the pair of add_authenticator and authenticator.
func (a *args) auth(i int) (add bool, data []byte) {
	if i >= len(a.values) || a.at(i).IsNull() || a.at(i).Int() == 0 {
		return false, nil
	}
	return true, a.bytes(i + 1)
}

func (a *args) guid(i int) (g [16]byte, ok bool) {
	v := a.at(i)
	if v.IsNull() {
		return g, false
	}
	if v.Kind() != sqltype.UniqueIdentifier {
		a.wrong(i)
		return g, false
	}
	copy(g[:], v.Bytes())
	return g, true
}

func number(n int, ok bool) sqltype.Value {
	if !ok {
		return sqltype.NullValue
	}
	return sqltype.NewInt(sqltype.Int, int64(n))
}

func binary8000(b []byte) sqltype.Value {
	if b == nil {
		return sqltype.NullValue
	}
	return sqltype.NewBytes(sqltype.VarBinary, string(b))
}

// arity is how many arguments a function takes.
type arity struct{ least, most int }

func functions(name string) (arity, bool) {
	switch name {
	case "KEY_GUID", "KEY_ID", "KEY_NAME", "ASYMKEY_ID", "CERT_ID", "PWDENCRYPT", "CERTENCODED":
		return arity{1, 1}, true
	case "ASYMKEYPROPERTY", "SYMKEYPROPERTY", "CERTPROPERTY", "ENCRYPTBYASYMKEY", "ENCRYPTBYCERT":
		return arity{2, 2}, true
	case "DECRYPTBYASYMKEY", "DECRYPTBYCERT", "PWDCOMPARE", "SIGNBYASYMKEY", "SIGNBYCERT":
		return arity{2, 3}, true
	case "VERIFYSIGNEDBYASYMKEY", "VERIFYSIGNEDBYCERT":
		return arity{3, 3}, true
	case "ENCRYPTBYKEY", "ENCRYPTBYPASSPHRASE", "DECRYPTBYPASSPHRASE":
		return arity{2, 4}, true
	case "DECRYPTBYKEY":
		return arity{1, 3}, true
	case "DECRYPTBYKEYAUTOASYMKEY", "DECRYPTBYKEYAUTOCERT":
		return arity{3, 5}, true
	}
	return arity{}, false
}

// Call carries out a function by its name in upper case: it is def.Keys. A *def.Refusal says that there is no such function; message 174
// that the number of arguments is wrong, 8116 that one is of another type.
func (f *Functions) Call(ctx context.Context, name string, values []sqltype.Value) (sqltype.Value, error) {
	n, ok := functions(name)
	if !ok {
		return sqltype.NullValue, &def.Refusal{Name: name, Why: "keys and signatures of this kind are not kept here"}
	}
	if len(values) < n.least || len(values) > n.most {
		return sqltype.NullValue, &sqltype.Error{
			Number: 174, Level: 15, State: 1, Message: fmt.Sprintf("The %s function requires %d argument(s).", strings.ToLower(name), n.least),
		}
	}
	a := &args{name: name, values: values}
	v, err := f.call(ctx, a)
	if a.err != nil {
		return sqltype.NullValue, a.err
	}
	return v, err
}

func (f *Functions) call(ctx context.Context, a *args) (sqltype.Value, error) {
	switch a.name {
	case "KEY_GUID", "KEY_ID", "KEY_NAME", "ASYMKEY_ID", "CERT_ID", "ASYMKEYPROPERTY", "SYMKEYPROPERTY", "CERTPROPERTY", "PWDCOMPARE", "PWDENCRYPT":
		return f.named(a)
	}
	b, err := f.crypt(ctx, a)
	if err != nil {
		return sqltype.NullValue, err
	}
	if strings.HasPrefix(a.name, "VERIFY") {
		return number(len(b), b != nil), nil
	}
	return binary8000(b), nil
}

// named does the functions that tell of keys, and those of passwords.
func (f *Functions) named(a *args) (sqltype.Value, error) {
	switch a.name {
	case "KEY_GUID":
		s, _ := a.text(0)
		if g, ok := f.KeyGUID(s); ok {
			return sqltype.NewGUID(g), nil
		}
	case "KEY_ID":
		s, _ := a.text(0)
		return number(f.KeyID(s)), nil
	case "KEY_NAME":
		if s, ok := f.KeyName(a.bytes(0)); ok {
			return sqltype.NewText(sqltype.NVarChar, s), nil
		}
	case "ASYMKEY_ID":
		s, _ := a.text(0)
		return number(f.AsymKeyID(s)), nil
	case "CERT_ID":
		s, _ := a.text(0)
		return number(f.CertID(s)), nil
	case "ASYMKEYPROPERTY":
		s, _ := a.text(1)
		return f.AsymKeyProperty(a.id(0), s), nil
	case "SYMKEYPROPERTY":
		s, _ := a.text(1)
		return f.SymKeyProperty(a.id(0), s), nil
	case "CERTPROPERTY":
		s, _ := a.text(1)
		return f.CertProperty(a.id(0), s), nil
	case "PWDCOMPARE":
		pw, hash := a.secret(0), a.bytes(1)
		defer pw.Destroy()
		if pw == nil || hash == nil || a.err != nil {
			return sqltype.NullValue, nil
		}
		same := 0
		if password.Check(hash, pw) {
			same = 1
		}
		return number(same, true), nil
	case "PWDENCRYPT":
		pw := a.secret(0)
		defer pw.Destroy()
		if pw == nil || a.err != nil {
			return sqltype.NullValue, nil
		}
		h, err := password.Hash(pw)
		return binary8000(h), err
	}
	return sqltype.NullValue, nil
}

// crypt does the functions whose result is bytes. A signature's verdict is one byte for right, none for wrong.
func (f *Functions) crypt(ctx context.Context, a *args) ([]byte, error) {
	switch a.name {
	case "ENCRYPTBYKEY":
		g, ok := a.guid(0)
		add, data := a.auth(2)
		if text := a.bytes(1); ok && a.err == nil {
			return f.EncryptByKey(ctx, g, text, add, data)
		}
	case "DECRYPTBYKEY":
		add, data := a.auth(1)
		if ct := a.bytes(0); a.err == nil {
			return f.DecryptByKey(ctx, ct, add, data)
		}
	case "ENCRYPTBYPASSPHRASE":
		pass, text := a.bytes(0), a.bytes(1)
		defer secret.Wipe(pass)
		add, data := a.auth(2)
		if a.err == nil {
			return EncryptByPassPhrase(pass, text, add, data)
		}
	case "DECRYPTBYPASSPHRASE":
		pass, ct := a.bytes(0), a.bytes(1)
		defer secret.Wipe(pass)
		add, data := a.auth(2)
		if a.err == nil {
			return DecryptByPassPhrase(pass, ct, add, data), nil
		}
	case "DECRYPTBYKEYAUTOASYMKEY", "DECRYPTBYKEYAUTOCERT":
		by := Auto{Certificate: a.name == "DECRYPTBYKEYAUTOCERT", ID: a.id(0), Password: a.secret(1)}
		defer by.Password.Destroy()
		ct := a.bytes(2)
		add, data := a.auth(3)
		if a.err == nil {
			return f.DecryptByKeyAuto(ctx, by, ct, add, data)
		}
	default:
		return f.asymmetric(ctx, a)
	}
	return nil, nil
}

func (f *Functions) asymmetric(ctx context.Context, a *args) ([]byte, error) {
	id := a.id(0)
	if a.name == "CERTENCODED" {
		return f.CertEncoded(id), nil
	}
	b := a.bytes(1)
	var pw *secret.Bytes
	if !strings.HasPrefix(a.name, "VERIFY") {
		pw = a.secret(2)
		defer pw.Destroy()
	}
	if a.err != nil {
		return nil, nil
	}
	switch a.name {
	case "ENCRYPTBYASYMKEY":
		return f.EncryptByAsymKey(ctx, id, b)
	case "DECRYPTBYASYMKEY":
		return f.DecryptByAsymKey(ctx, id, b, pw)
	case "ENCRYPTBYCERT":
		return f.EncryptByCert(id, b)
	case "DECRYPTBYCERT":
		return f.DecryptByCert(ctx, id, b, pw)
	case "SIGNBYASYMKEY", "SIGNBYCERT":
		return f.sign(ctx, a.name == "SIGNBYCERT", id, b, pw)
	}
	return f.verify(a.name == "VERIFYSIGNEDBYCERT", id, b, a.bytes(2))
}
