package keyfunc_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"latchkey/ekm/code"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/fn/def"
	"latchkey/engine/keystmt/keyfunc"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/sqltype"
)

const dll = catalogtest.Path

// call calls a function of a session.
func call(t *testing.T, c *keystmttest.Client, name string, args ...sqltype.Value) sqltype.Value {
	t.Helper()
	v, err := c.Functions().Call(t.Context(), name, args)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func fails(t *testing.T, c *keystmttest.Client, number int, name string, args ...sqltype.Value) {
	t.Helper()
	v, err := c.Functions().Call(t.Context(), name, args)
	var e *sqltype.Error
	if errors.As(err, &e) && e.Number == number || errors.Is(err, code.Msg(number)) {
		return
	}
	t.Errorf("%s: %v, %v, want message %d", name, v, err, number)
}

func n(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }
func v(s string) sqltype.Value { return sqltype.NewText(sqltype.VarChar, s) }
func i(x int) sqltype.Value    { return sqltype.NewInt(sqltype.Int, int64(x)) }
func b(s string) sqltype.Value { return sqltype.NewBytes(sqltype.VarBinary, s) }

var null = sqltype.NullValue

func withKeys(t *testing.T) (*keystmttest.Server, *keystmttest.Client) {
	t.Helper()
	s := keystmttest.New(t)
	c := s.Login("sa")
	c.Must(`CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Correct-Horse-1'; CREATE CERTIFICATE c WITH SUBJECT = 'c';
CREATE ASYMMETRIC KEY a WITH ALGORITHM = RSA_2048; CREATE ASYMMETRIC KEY p WITH ALGORITHM = RSA_2048 ENCRYPTION BY PASSWORD = 'Correct-Horse-2';
CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c, ASYMMETRIC KEY p; CREATE SYMMETRIC KEY other WITH ALGORITHM = AES_128 ENCRYPTION BY CERTIFICATE c`)
	return s, c
}

func TestSymmetric(t *testing.T) {
	_, c := withKeys(t)
	guid := call(t, c, "KEY_GUID", n("s"))
	if guid.Kind() != sqltype.UniqueIdentifier || call(t, c, "KEY_ID", n("S")).Int() != 256 || !call(t, c, "KEY_GUID", n("nope")).IsNull() {
		t.Errorf("KEY_GUID is %v", guid)
	}
	// Closed: NULL in both directions.
	if ct := call(t, c, "ENCRYPTBYKEY", guid, n("text")); !ct.IsNull() {
		t.Error("a closed key encrypts")
	}
	c.Must("OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c")
	if rows := c.Rows("sys.openkeys", "key_name", "database_name"); len(rows) != 1 || rows[0] != "s|master" {
		t.Errorf("open keys: %q", rows)
	}
	for _, text := range []sqltype.Value{n("text"), v("text"), b("\x00\x01"), n(""), n(strings.Repeat("x", 3900))} {
		ct := call(t, c, "ENCRYPTBYKEY", guid, text)
		raw := ct.Bytes()
		if len(raw) < 52 || raw[:16] != guid.Bytes() || raw[16:20] != "\x02\x00\x00\x00" || (len(raw)-20)%16 != 0 {
			t.Fatalf("a ciphertext of %d bytes: %x", len(raw), raw[:20])
		}
		if again := call(t, c, "ENCRYPTBYKEY", guid, text); again.Bytes() == raw {
			t.Error("the same text gives the same ciphertext")
		}
		got := call(t, c, "DECRYPTBYKEY", ct)
		want := text.Bytes()
		if text.Kind() == sqltype.NVarChar {
			want = ""
			for _, r := range text.Text() {
				want += string([]byte{byte(r), 0})
			}
		}
		if got.IsNull() || got.Bytes() != want {
			t.Errorf("%q came back as %x", text.Text(), got.Bytes())
		}
		if name := call(t, c, "KEY_NAME", ct); name.Text() != "s" {
			t.Errorf("KEY_NAME is %q", name.Text())
		}
		for _, at := range []int{0, 17, 25, len(raw) - 1} {
			bad := []byte(raw)
			bad[at] ^= 1
			if at == 25 && len(want) > 0 {
				continue // CBC: a changed vector changes the magic only in its first block's bytes
			}
			if got := call(t, c, "DECRYPTBYKEY", b(string(bad))); !got.IsNull() && got.Bytes() == want {
				t.Errorf("a ciphertext that was changed at %d opens", at)
			}
		}
	}
	fails(t, c, 8152, "ENCRYPTBYKEY", guid, b(strings.Repeat("x", 8000)))

	// The authenticator binds.
	ct := call(t, c, "ENCRYPTBYKEY", guid, n("salary"), i(1), n("row 1"))
	if got := call(t, c, "DECRYPTBYKEY", ct, i(1), n("row 1")); got.Bytes() != "s\x00a\x00l\x00a\x00r\x00y\x00" {
		t.Errorf("with its authenticator: %x", got.Bytes())
	}
	for _, args := range [][]sqltype.Value{{ct}, {ct, i(1), n("row 2")}, {ct, i(0), n("row 1")}, {ct, i(1), null}} {
		if got := call(t, c, "DECRYPTBYKEY", args...); !got.IsNull() {
			t.Errorf("opens with %v", args[1:])
		}
	}
	// Another key, a closed key, rubbish.
	for _, x := range []sqltype.Value{b(""), b("rubbish"), null, call(t, c, "KEY_GUID", n("other"))} {
		if x.Kind() == sqltype.UniqueIdentifier {
			x = b(x.Bytes() + ct.Bytes()[16:])
		}
		if got := call(t, c, "DECRYPTBYKEY", x); !got.IsNull() {
			t.Errorf("%v opens", x)
		}
	}
	c.Must("CLOSE ALL SYMMETRIC KEYS")
	if got := call(t, c, "DECRYPTBYKEY", ct, i(1), n("row 1")); !got.IsNull() {
		t.Error("a closed key decrypts")
	}
	// Automatically, by the certificate and by the key with its password.
	cert, key := call(t, c, "CERT_ID", n("c")), call(t, c, "ASYMKEY_ID", n("p"))
	if got := call(t, c, "DECRYPTBYKEYAUTOCERT", cert, null, ct, i(1), n("row 1")); got.IsNull() {
		t.Error("DECRYPTBYKEYAUTOCERT gives NULL")
	}
	if got := call(t, c, "DECRYPTBYKEYAUTOASYMKEY", key, n("Correct-Horse-2"), ct, i(1), n("row 1")); got.IsNull() {
		t.Error("DECRYPTBYKEYAUTOASYMKEY gives NULL")
	}
	fails(t, c, 15556, "DECRYPTBYKEYAUTOASYMKEY", key, n("wrong"), ct, i(1), n("row 1"))
	fails(t, c, 15334, "DECRYPTBYKEYAUTOASYMKEY", key, null, ct, i(1), n("row 1"))
	if rows := c.Rows("sys.openkeys", "key_name"); len(rows) != 0 {
		t.Errorf("left open: %q", rows)
	}
}

// A key that was dropped and made again is not the one that is open.
func TestOpenKeyIsThatKey(t *testing.T) {
	_, c := withKeys(t)
	c.Must("OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c")
	second := c.Server.Login("sa")
	second.Must("DROP SYMMETRIC KEY s; CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c")
	if ct := call(t, c, "ENCRYPTBYKEY", call(t, c, "KEY_GUID", n("s")), n("x")); !ct.IsNull() {
		t.Error("the old key is taken for the new one")
	}
}

func TestAsymmetric(t *testing.T) {
	_, c := withKeys(t)
	a, p, cert := call(t, c, "ASYMKEY_ID", n("a")), call(t, c, "ASYMKEY_ID", n("p")), call(t, c, "CERT_ID", n("c"))
	ct := call(t, c, "ENCRYPTBYASYMKEY", a, v("text"))
	if len(ct.Bytes()) != 256 || call(t, c, "DECRYPTBYASYMKEY", a, ct).Bytes() != "text" {
		t.Error("the asymmetric key does not give the text back")
	}
	ct = call(t, c, "ENCRYPTBYASYMKEY", p, v("text"))
	if call(t, c, "DECRYPTBYASYMKEY", p, ct, n("Correct-Horse-2")).Bytes() != "text" {
		t.Error("the key with a password does not give the text back")
	}
	fails(t, c, 15556, "DECRYPTBYASYMKEY", p, ct, n("wrong"))
	fails(t, c, 15334, "DECRYPTBYASYMKEY", p, ct)
	if got := call(t, c, "DECRYPTBYASYMKEY", a, ct); !got.IsNull() {
		t.Error("another key decrypts")
	}
	if got := call(t, c, "ENCRYPTBYASYMKEY", a, v(strings.Repeat("x", 246))); !got.IsNull() {
		t.Error("a text that is too long is encrypted")
	}
	ct = call(t, c, "ENCRYPTBYCERT", cert, n("text"))
	if call(t, c, "DECRYPTBYCERT", cert, ct).Bytes() != "t\x00e\x00x\x00t\x00" {
		t.Error("the certificate does not give the text back")
	}
	c.Must("ALTER CERTIFICATE c REMOVE PRIVATE KEY")
	fails(t, c, 15556, "DECRYPTBYCERT", cert, ct)
	sig := call(t, c, "SIGNBYASYMKEY", a, n("text"))
	if call(t, c, "VERIFYSIGNEDBYASYMKEY", a, n("text"), sig).Int() != 1 || call(t, c, "VERIFYSIGNEDBYASYMKEY", a, n("other"), sig).Int() != 0 {
		t.Error("a signature does not tell right from wrong")
	}
	for _, id := range []sqltype.Value{i(9999), null} {
		for _, f := range []string{"ENCRYPTBYASYMKEY", "DECRYPTBYASYMKEY", "ENCRYPTBYCERT", "DECRYPTBYCERT"} {
			if got := call(t, c, f, id, b("x")); !got.IsNull() {
				t.Errorf("%s of no key gives %v", f, got)
			}
		}
	}
}

// Keys of a provider are used there, under the caller's credential, without OPEN.
func TestProvidersKeys(t *testing.T) {
	s := keystmttest.New(t)
	s.Login("sa").Must("CREATE LOGIN dba WITH PASSWORD = 'Correct-Horse-1'; ALTER SERVER ROLE sysadmin ADD MEMBER dba")
	c := s.Login("dba")
	c.Must("EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE; CREATE CRYPTOGRAPHIC PROVIDER e FROM FILE = '" + dll + "'")
	c.Must("CREATE CREDENTIAL cr WITH IDENTITY = 'v', SECRET = 's' FOR CRYPTOGRAPHIC PROVIDER e; ALTER LOGIN dba ADD CREDENTIAL cr")
	c.Must("CREATE ASYMMETRIC KEY k FROM PROVIDER e WITH PROVIDER_KEY_NAME = 'k', CREATION_DISPOSITION = OPEN_EXISTING; CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY ASYMMETRIC KEY k; OPEN SYMMETRIC KEY s DECRYPTION BY ASYMMETRIC KEY k")
	id := call(t, c, "ASYMKEY_ID", n("k"))
	ct := call(t, c, "ENCRYPTBYASYMKEY", id, v("text"))
	if call(t, c, "DECRYPTBYASYMKEY", id, ct).Bytes() != "text" {
		t.Error("the provider's key does not give the text back")
	}
	if call(t, c, "ASYMKEYPROPERTY", id, n("algorithm_desc")).Text() != "RSA_2048" {
		t.Error("no algorithm")
	}
	s.Library.Fail = map[string]error{"Unwrap": code.New(code.In(code.Provider, 3112), "", "")}
	fails(t, c, 15556, "DECRYPTBYASYMKEY", id, ct)
	s.Library.Fail = nil
	c.Must("ALTER LOGIN dba DROP CREDENTIAL cr")
	fails(t, c, 33046, "DECRYPTBYASYMKEY", id, ct)
	c.Must("ALTER LOGIN dba ADD CREDENTIAL cr; CREATE LOGIN u WITH PASSWORD = 'Correct-Horse-1'; ALTER SERVER ROLE sysadmin ADD MEMBER u; EXECUTE AS LOGIN = 'u'")
	fails(t, c, 33048, "DECRYPTBYASYMKEY", id, ct)
	c.Must("REVERT; ALTER LOGIN dba DROP CREDENTIAL cr; DROP CREDENTIAL cr; DROP CRYPTOGRAPHIC PROVIDER e")
	fails(t, c, 33030, "DECRYPTBYASYMKEY", id, ct)
}

// What SQL Server 2017 wrote by ENCRYPTBYPASSPHRASE opens: a value built by hand from the published layout.
func TestPassPhrase(t *testing.T) {
	pass := []byte("p\x00w\x00")
	ct, err := keyfunc.EncryptByPassPhrase(pass, []byte("text"), false, nil)
	if err != nil || !bytes.HasPrefix(ct, []byte{2, 0, 0, 0}) || len(ct) != 4+16+16 {
		t.Fatalf("%x, %v", ct, err)
	}
	if got := keyfunc.DecryptByPassPhrase(pass, ct, false, nil); string(got) != "text" {
		t.Errorf("came back as %q", got)
	}
	// AES-256-CBC under SHA-256("p\0w\0"), vector of zeros, made with openssl from 0DF0ADBA 0000 0400 "text" and padding.
	fixed, err := hex.DecodeString(opensslVector)
	if err != nil {
		t.Fatal(err)
	}
	if got := keyfunc.DecryptByPassPhrase(pass, fixed, false, nil); string(got) != "text" {
		t.Errorf("openssl's value came back as %q", got)
	}
	for _, bad := range [][]byte{nil, {}, ct[:20], append([]byte{1}, ct[1:]...)} {
		if got := keyfunc.DecryptByPassPhrase(pass, bad, false, nil); got != nil {
			t.Errorf("%x opens", bad)
		}
	}
	if got := keyfunc.DecryptByPassPhrase([]byte("other"), ct, false, nil); got != nil {
		t.Error("opens with another passphrase")
	}
	for l := range 40 {
		text := bytes.Repeat([]byte("x"), l)
		ct, err := keyfunc.EncryptByPassPhrase(pass, text, true, []byte("a"))
		if err != nil {
			t.Fatal(err)
		}
		if got := keyfunc.DecryptByPassPhrase(pass, ct, true, []byte("a")); !bytes.Equal(got, text) || got == nil {
			t.Errorf("%d bytes come back as %q", l, got)
		}
	}
}

func TestArguments(t *testing.T) {
	s := keystmttest.New(t)
	c := s.Login("sa")
	fails(t, c, 174, "ENCRYPTBYKEY", n("x"))
	fails(t, c, 8116, "DECRYPTBYKEY", i(1))
	fails(t, c, 8116, "KEY_GUID", i(1))
	_, err := c.Functions().Call(t.Context(), "CERTPRIVATEKEY", []sqltype.Value{i(1), n("x")})
	var r *def.Refusal
	if !errors.As(err, &r) {
		t.Errorf("CERTPRIVATEKEY: %v", err)
	}
	h := call(t, c, "PWDENCRYPT", n("secret"))
	if call(t, c, "PWDCOMPARE", n("secret"), h).Int() != 1 || call(t, c, "PWDCOMPARE", n("Secret"), h).Int() != 0 || !call(t, c, "PWDCOMPARE", null, h).IsNull() {
		t.Error("PWDCOMPARE does not tell passwords apart")
	}
	for _, f := range []string{"KEY_GUID", "KEY_ID", "KEY_NAME", "ASYMKEY_ID", "CERT_ID", "CERTENCODED"} {
		if got := call(t, c, f, null); !got.IsNull() {
			t.Errorf("%s(NULL) is %v", f, got)
		}
	}
}

// Who may not see a key gets NULL from it.
func TestWithoutPermission(t *testing.T) {
	s, c := withKeys(t)
	c.Must("OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c; CREATE LOGIN u WITH PASSWORD = 'Correct-Horse-1'; CREATE USER u")
	guid := call(t, c, "KEY_GUID", n("s"))
	id := call(t, c, "ASYMKEY_ID", n("a"))
	u := s.Login("u")
	for name, args := range map[string][]sqltype.Value{
		"KEY_GUID": {n("s")}, "KEY_ID": {n("s")}, "KEY_NAME": {guid}, "ASYMKEY_ID": {n("a")}, "CERT_ID": {n("c")}, "ENCRYPTBYKEY": {guid, n("x")},
		"ENCRYPTBYASYMKEY": {id, n("x")}, "DECRYPTBYASYMKEY": {id, b("x")}, "SIGNBYASYMKEY": {id, n("x")}, "CERTENCODED": {i(256)},
	} {
		if got := call(t, u, name, args...); !got.IsNull() {
			t.Errorf("%s gives %v", name, got)
		}
	}
	c.Must("GRANT VIEW DEFINITION ON ASYMMETRIC KEY::a TO u")
	if call(t, u, "ENCRYPTBYASYMKEY", id, n("x")).IsNull() || !call(t, u, "DECRYPTBYASYMKEY", id, b("x")).IsNull() {
		t.Error("VIEW DEFINITION encrypts, and does not decrypt")
	}
}

func FuzzDecryptByPassPhrase(f *testing.F) {
	pass := []byte("p\x00w\x00")
	for _, text := range []string{"", "text", "a text that fills more than a block"} {
		ct, err := keyfunc.EncryptByPassPhrase(pass, []byte(text), false, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ct)
	}
	f.Fuzz(func(t *testing.T, ct []byte) {
		if got := keyfunc.DecryptByPassPhrase(pass, ct, false, nil); len(got) > len(ct) {
			t.Errorf("%d bytes of %d", len(got), len(ct))
		}
	})
}

const opensslVector = "02000000" + "00000000000000000000000000000000" + "2a012eff008bdc3ac541eafc75473388"
