package login_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/tds"
	"latchkey/engine/tds/login"
	"latchkey/internal/secret"
)

func captures(t testing.TB, typ string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "testdata", "captures", "*-"+typ))
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

func TestCapturedPrelogins(t *testing.T) {
	for name, b := range captures(t, "12") {
		var p, again login.Prelogin
		if err := p.Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !p.HasEncrypt || p.MARS == nil {
			t.Errorf("%s: %+v", name, p)
		}
		if err := again.Decode(p.Append(nil)); err != nil || !cmp.Equal(p, again) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(p, again))
		}
	}
}

func TestCapturedLogins(t *testing.T) {
	for name, b := range captures(t, "10") {
		var l, again login.Login
		if err := l.Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.UserName != "dba" || !l.Password.Equal(tds.AppendText(nil, "Päss{w0rd};")) || l.HostName != "client" || l.Version != tds.V74 {
			t.Errorf("%s: user %q, host %q, version %s", name, l.UserName, l.HostName, l.Version)
		}
		if strings.Contains(string(b), string(tds.AppendText(nil, "w0rd"))) {
			t.Errorf("%s: the password stands in the message", name)
		}
		if err := again.Decode(l.Append(nil)); err != nil || !cmp.Equal(l, again, cmp.Comparer(func(a, b *secret.Bytes) bool { return a.Equal(b.Expose()) })) {
			t.Errorf("%s does not come back: %v", name, err)
		}
	}
}

// The answer that a server gives, from the protocol's table.
func TestPreloginBytes(t *testing.T) {
	zero := uint8(0)
	p := login.Prelogin{Version: [6]byte{16, 0, 3, 232}, HasEncrypt: true, Encrypt: login.EncryptOff, Instance: []byte{0}, HasThreadID: true, MARS: &zero}
	want, _ := hex.DecodeString(strings.ReplaceAll("00 001A 0006 01 0020 0001 02 0021 0001 03 0022 0000 04 0022 0001 FF 100003E80000 00 00 00", " ", ""))
	if got := p.Append(nil); !cmp.Equal(got, want) {
		t.Errorf("got  % X\nwant % X", got, want)
	}
}

func TestHostile(t *testing.T) {
	for name, s := range map[string]string{
		"no options":            "FF",
		"option outside":        "00 0100 0006 FF 00",
		"version of 5 bytes":    "00 0006 0005 FF 0000000000",
		"encryption of 2 bytes": "00 000B 0006 01 0011 0002 FF 000000000000 0000",
		"option twice":          "00 000B 0006 00 000B 0006 FF 000000000000",
		"no end":                "00 0005 0006",
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if err := new(login.Prelogin).Decode(b); err == nil {
			t.Errorf("prelogin with %s is taken", name)
		}
	}
	good := func() []byte {
		l := login.Login{Version: tds.V74, UserName: "u", Password: secret.FromString("p\x00"), Option3: login.Option3Extension, Features: []tds.Feature{{ID: tds.FeatureUTF8}}}
		return l.Append(nil)
	}
	if err := new(login.Login).Decode(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"a length that is not its":  func(b []byte) []byte { b[0]++; return b },
		"less than its fixed part":  func(b []byte) []byte { b[0] = 50; return b[:50] },
		"a name outside":            func(b []byte) []byte { b[40], b[41] = 0xFF, 0xFF; return b },
		"a name in the fixed part":  func(b []byte) []byte { b[40], b[41] = 4, 0; return b },
		"a name of 129 characters":  func(b []byte) []byte { b[42] = 129; return b },
		"a feature pointer outside": func(b []byte) []byte { b[56], b[57] = 0xFF, 0xFF; return b },
		"features that do not end":  func(b []byte) []byte { b[len(b)-1] = 1; return b },
		"a security token outside":  func(b []byte) []byte { b[80] = 200; return b },
		"version 7.1":               func(b []byte) []byte { copy(b[4:], "\x01\x00\x00\x71"); return b },
	} {
		if err := new(login.Login).Decode(change(good())); err == nil {
			t.Errorf("login with %s is taken", name)
		}
	}
}

func FuzzPrelogin(f *testing.F) {
	for _, b := range captures(f, "12") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again login.Prelogin
		if p.Decode(b) != nil {
			return
		}
		if err := again.Decode(p.Append(nil)); err != nil || p.Version != again.Version || p.Encrypt != again.Encrypt {
			t.Fatalf("%v: %+v became %+v", err, p, again)
		}
	})
}

func FuzzLogin(f *testing.F) {
	for _, b := range captures(f, "10") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var l, again login.Login
		if l.Decode(b) != nil {
			return
		}
		if err := again.Decode(l.Append(nil)); err != nil || l.UserName != again.UserName || len(l.Features) != len(again.Features) || !l.Password.Equal(again.Password.Expose()) {
			t.Fatalf("%v: %q became %q", err, l.UserName, again.UserName)
		}
	})
}
