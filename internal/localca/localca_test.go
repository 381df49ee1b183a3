package localca_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/localca"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func open(t *testing.T, cfg localca.Config) *localca.CA {
	t.Helper()
	ca, err := localca.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func leaf(t *testing.T, ca *localca.CA) *x509.Certificate {
	t.Helper()
	c, err := ca.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

func TestServesItsNamesAndNoOther(t *testing.T) {
	ca := open(t, localca.Config{Dir: t.TempDir(), Names: []string{"login.microsoftonline.com", "*.vault.azure.net", "localhost", "127.0.0.1"}})
	for host, want := range map[string]bool{
		"login.microsoftonline.com":   true,
		"v1.vault.azure.net":          true,
		"localhost":                   true,
		"127.0.0.1":                   true,
		"vault.azure.net":             false,
		"a.b.vault.azure.net":         false,
		"www.example.com":             false,
		"127.0.0.2":                   false,
		"evil.login.windows.net":      false,
		"login.microsoftonline.com.x": false,
	} {
		_, err := leaf(t, ca).Verify(x509.VerifyOptions{DNSName: host, Roots: ca.Pool()})
		if (err == nil) != want {
			t.Errorf("%s: valid %t, want %t (%v)", host, err == nil, want, err)
		}
	}
}

// The authority is trusted by clients, so what it could be made to sign must be worth nothing outside its names.
func TestAuthorityIsConstrained(t *testing.T) {
	for _, names := range [][]string{{"*.vault.azure.net", "127.0.0.1"}, {"127.0.0.1"}, {"localhost"}} {
		dir := t.TempDir()
		open(t, localca.Config{Dir: dir, Names: names})
		// A second authority object over the same key with other names would make a new authority; so sign by hand.
		c, key := localca.AuthorityForTesting(t, dir)
		for _, host := range []string{"www.example.com", "10.0.0.1", "::1"} {
			l, err := localca.IssueForTesting(c, key, []string{host}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(c)
			if _, err := l.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err == nil {
				t.Errorf("authority for %v is good for %s", names, host)
			}
		}
		if !c.MaxPathLenZero || !c.PermittedDNSDomainsCritical {
			t.Error("authority may issue authorities, or its constraints may be ignored")
		}
	}
}

func TestRestartKeepsTheAuthority(t *testing.T) {
	dir := t.TempDir()
	cfg := localca.Config{Dir: dir, Names: []string{"localhost"}}
	a := open(t, cfg)
	before, err := os.ReadFile(a.BundlePath())
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, cfg)
	after, err := os.ReadFile(b.BundlePath())
	if err != nil {
		t.Fatal(err)
	}
	if !a.Created() || b.Created() || !bytes.Equal(before, after) {
		t.Error("the second start changed the authority")
	}
	if _, err := leaf(t, b).Verify(x509.VerifyOptions{DNSName: "localhost", Roots: a.Pool()}); err != nil {
		t.Errorf("a client of the first start does not trust the second: %v", err)
	}
	fi, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %v", fi.Mode().Perm())
	}
}

func TestRenewal(t *testing.T) {
	clk := clock.NewFake(start)
	cfg := localca.Config{Dir: t.TempDir(), Names: []string{"localhost"}, Clock: clk}
	ca := open(t, cfg)
	first := leaf(t, ca)
	clk.Advance(20 * 24 * time.Hour)
	if !leaf(t, ca).Equal(first) {
		t.Error("renewed after 20 of 60 days")
	}
	clk.Advance(20 * 24 * time.Hour)
	second := leaf(t, ca)
	if second.Equal(first) {
		t.Error("not renewed after 40 of 60 days")
	}
	authority := ca.Certificate()
	clk.Advance(650 * 24 * time.Hour)
	third := leaf(t, ca)
	if ca.Certificate().Equal(authority) {
		t.Fatal("authority not renewed 40 days before its end")
	}
	// Clients that read the bundle now trust both; a restart keeps it so.
	bundle, err := os.ReadFile(ca.BundlePath())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bundle)
	for _, l := range []*x509.Certificate{third, leaf(t, open(t, cfg))} {
		if _, err := l.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: pool, CurrentTime: clk.Now()}); err != nil {
			t.Errorf("bundle does not verify the server: %v", err)
		}
	}
	if n := bytes.Count(bundle, []byte("BEGIN")); n != 2 {
		t.Errorf("%d authorities in the bundle, want the new and the old", n)
	}
}

func TestMoreNamesMakeANewAuthority(t *testing.T) {
	dir := t.TempDir()
	open(t, localca.Config{Dir: dir, Names: []string{"localhost"}})
	ca := open(t, localca.Config{Dir: dir, Names: []string{"localhost", "vault.example.org"}})
	if !ca.Created() {
		t.Fatal("a name outside the constraints is served with the old authority")
	}
	if _, err := leaf(t, ca).Verify(x509.VerifyOptions{DNSName: "vault.example.org", Roots: ca.Pool()}); err != nil {
		t.Error(err)
	}
	if open(t, localca.Config{Dir: dir, Names: []string{"localhost"}}).Created() {
		t.Error("fewer names made a new authority")
	}
}

func TestBadNames(t *testing.T) {
	for _, names := range [][]string{nil, {""}, {"*"}, {"a b"}, {"https://x"}, {".x"}, {"a.*.b"}} {
		if _, err := localca.Open(localca.Config{Dir: t.TempDir(), Names: names}); err == nil {
			t.Errorf("%q accepted", names)
		}
	}
}

// xorSealer stands in for the seal; it shows that the file holds what the sealer made and nothing else.
type xorSealer byte

func (x xorSealer) Seal(c string, plain []byte) ([]byte, error) {
	out := append([]byte(c), plain...)
	for i := range out {
		out[i] ^= byte(x)
	}
	return out, nil
}

func (x xorSealer) Open(c string, sealed []byte) ([]byte, error) {
	out := bytes.Clone(sealed)
	for i := range out {
		out[i] ^= byte(x)
	}
	if !bytes.HasPrefix(out, []byte(c)) {
		return nil, errors.New("wrong seal key")
	}
	return out[len(c):], nil
}

func TestKeyIsSealed(t *testing.T) {
	dir := t.TempDir()
	cfg := localca.Config{Dir: dir, Names: []string{"localhost"}, Sealer: xorSealer(1)}
	ca := open(t, cfg)
	b, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParsePKCS8PrivateKey(b); err == nil {
		t.Error("the key lies there in clear")
	}
	cfg.Sealer = xorSealer(2)
	if _, err := localca.Open(cfg); !errors.Is(err, localca.ErrKey) {
		t.Errorf("wrong seal key: %v", err)
	}
	if err := ca.Reseal(xorSealer(2)); err != nil {
		t.Fatal(err)
	}
	if open(t, cfg).Created() {
		t.Error("resealing lost the authority")
	}
}

// A crash at any write leaves a directory that opens, and whose bundle verifies the server.
func TestCrash(t *testing.T) {
	stop := errors.New("pulled the plug")
	for n := 1; ; n++ {
		mem := fsys.NewMem()
		if err := mem.MkdirAll("/d", 0o700); err != nil {
			t.Fatal(err)
		}
		open(t, localca.Config{FS: mem, Dir: "/d", Names: []string{"localhost"}})
		count, failed := 0, false
		faulty := fsys.NewFaulty(mem, func(op fsys.Op) error {
			if op.Kind&fsys.OpChange == 0 {
				return nil
			}
			if count++; count >= n {
				failed = true
				return stop
			}
			return nil
		})
		names := []string{"localhost", "b.example.org"}
		_, err := localca.Open(localca.Config{FS: faulty, Dir: "/d", Names: names})
		if !failed {
			if err != nil {
				t.Fatal(err)
			}
			if n < 5 {
				t.Fatalf("only %d changes seen", n)
			}
			return
		}
		if err == nil {
			t.Fatalf("change %d failed unseen", n)
		}
		disk := mem.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(1, uint64(n))), Keep: 0.5, Torn: 0.5})
		ca := open(t, localca.Config{FS: disk, Dir: "/d", Names: names})
		bundle, err := fsys.ReadFile(disk, ca.BundlePath(), 0)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(bundle)
		if _, err := leaf(t, ca).Verify(x509.VerifyOptions{DNSName: "b.example.org", Roots: pool}); err != nil {
			t.Fatalf("after a crash at change %d: %v", n, err)
		}
	}
}

// OpenSSL reads the certificates as Go does: Node and Python trust through it.
func TestOpenSSLAgrees(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		t.Skip("openssl is missing")
	}
	dir := t.TempDir()
	ca := open(t, localca.Config{Dir: dir, Names: []string{"*.vault.azure.net", "127.0.0.1"}})
	for _, test := range []struct {
		flag, host string
		want       bool
	}{
		{"-verify_hostname", "v.vault.azure.net", true},
		{"-verify_ip", "127.0.0.1", true},
		{"-verify_hostname", "v.example.com", false},
	} {
		path := filepath.Join(dir, "leaf.pem")
		localca.WriteLeafForTesting(t, path, leaf(t, ca))
		out, err := exec.Command(openssl, "verify", "-x509_strict", "-CAfile", ca.BundlePath(), test.flag, test.host, path).CombinedOutput()
		if (err == nil) != test.want {
			t.Errorf("%s: valid %t, want %t:\n%s", test.host, err == nil, test.want, out)
		}
	}
}

func TestMissingKeyFileIsSaid(t *testing.T) {
	dir := t.TempDir()
	cfg := localca.Config{Dir: dir, Names: []string{"localhost"}}
	open(t, cfg)
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	_, err := localca.Open(cfg)
	if !errors.Is(err, localca.ErrKey) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTLSConfig(t *testing.T) {
	ca := open(t, localca.Config{Dir: t.TempDir(), Names: []string{"localhost"}})
	if c := ca.TLSConfig(); c.MinVersion != tls.VersionTLS12 || c.GetCertificate == nil {
		t.Error("wrong TLS configuration")
	}
}
