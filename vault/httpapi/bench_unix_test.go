//go:build unix

package httpapi_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"

	"latchkey/akv"
	"latchkey/audit"
	"latchkey/internal/fsys"
	"latchkey/vault/store/boltstore"
	"latchkey/vault/vaulttest"
)

// processor reports the processor time of one operation, user and system, all threads of this process.
func processor(b *testing.B) func() {
	used := func() float64 {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return float64(r.Utime.Nano()+r.Stime.Nano()) / 1000
	}
	from := used()
	return func() { b.ReportMetric((used()-from)/float64(b.N), "cpu-us/op") }
}

// BenchmarkRawUnwrap is what the processors do without a vault.
func BenchmarkRawUnwrap(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	ct, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, make([]byte, 32), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer processor(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := rsa.DecryptOAEP(sha256.New(), nil, key, ct, nil); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkUnwrap is unwraps over HTTPS keep-alive with file store and audit log, the load generator on the same processors.
func BenchmarkUnwrap(b *testing.B) {
	dir := b.TempDir()
	st, err := boltstore.Open(filepath.Join(dir, "vault.db"), boltstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	log, err := audit.Open(fsys.OS{}, filepath.Join(dir, "audit"), audit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	s := vaulttest.New(b, &vaulttest.Options{Store: st, Auditor: log})
	key := s.MustRSA(b, "kv1", "k")
	var wrapped akv.OpResult
	s.MustCall(b, "POST", s.VaultURL("kv1")+"/keys/k/wrapkey", akv.OpParams{Alg: "RSA-OAEP-256", Value: make([]byte, 32)}, &wrapped)
	id, err := akv.ParseKeyID(key.Key.KID)
	if err != nil {
		b.Fatal(err)
	}
	url := s.VaultURL("kv1") + "/keys/k/" + id.Version + "/unwrapkey?api-version=7.4"
	body, err := json.Marshal(akv.OpParams{Alg: "RSA-OAEP-256", Value: wrapped.Value})
	if err != nil {
		b.Fatal(err)
	}
	auth := "Bearer " + s.Token(b, s.Admin(), s.Audience(false))
	client := s.Client()
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	defer processor(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest("POST", url, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", auth)
			req.Header.Set("Content-Type", "application/json")
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
				b.Errorf("%d %v", res.StatusCode, err)
			}
			res.Body.Close()
		}
	})
}

// nowhere is a ResponseWriter that drops what it gets.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkHandler is an unwrap whose cryptography costs next to nothing: what the vault itself costs, without network and disk.
func BenchmarkHandler(b *testing.B) {
	s := vaulttest.New(b, nil)
	s.MustHSMKey(b, "hsm1", "k", &akv.CreateKey{Kty: "oct"})
	var wrapped akv.OpResult
	s.MustCall(b, "POST", s.HSMURL("hsm1")+"/keys/k/wrapkey", akv.OpParams{Alg: "A256KW", Value: make([]byte, 32)}, &wrapped)
	body, err := json.Marshal(akv.OpParams{Alg: "A256KW", Value: wrapped.Value})
	if err != nil {
		b.Fatal(err)
	}
	auth := "Bearer " + s.Token(b, s.Admin(), "https://managedhsm.azure.net")
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequest("POST", "https://hsm1.managedhsm.azure.net/keys/k/unwrapkey?api-version=2025-07-01", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.TLS, req.RemoteAddr = tlsState(), "127.0.0.1:1234"
		req.Header["Authorization"] = []string{auth}
		s.Handler.ServeHTTP(nowhere{http.Header{}}, req)
	}
}
