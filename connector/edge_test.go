package connector_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"latchkey/connector"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

func TestLocalWrapObeysTheKeysAttributes(t *testing.T) {
	for reason, set := range map[string]func(a map[string]any){
		"KeyDisabled":    func(a map[string]any) { a["enabled"] = false },
		"KeyExpired":     func(a map[string]any) { a["exp"] = time.Now().Add(-time.Hour).Unix() },
		"KeyNotYetValid": func(a map[string]any) { a["nbf"] = time.Now().Add(time.Hour).Unix() },
	} {
		r := newRig(t, options{config: func(c *connector.Config) { c.LocalWrap = true }})
		k := r.peer.PutKey(t, "k", rsaKey())
		set(k.Attributes)
		s := r.open(t)
		info := must(s.KeyByName(t.Context(), "k"))(t)
		_, err := s.Wrap(t.Context(), info.Thumbprint, dek(1))
		if code.Of(err) != code.HTTPOperationForbidden || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	r := newRig(t, options{config: func(c *connector.Config) { c.LocalWrap = true }})
	r.peer.PutKey(t, "k", rsaKey()).Ops = []string{"unwrapKey"}
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	if _, err := s.Wrap(t.Context(), info.Thumbprint, dek(1)); code.Of(err) != code.HTTPOperationForbidden {
		t.Errorf("key_ops without wrapKey: %v", err)
	}
}

func TestBlobOfAnotherAlgorithmOpensAndIsReported(t *testing.T) {
	r := newRig(t, options{config: func(c *connector.Config) { c.Algorithm = "RSA-OAEP" }})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
	w.Algorithm = "RSA-OAEP-256"
	must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
	if es := r.seen(connector.OtherAlgorithm); len(es) != 1 || !strings.Contains(es[0].Text, "RSA-OAEP opened it") {
		t.Errorf("events %+v", es)
	}
	// without a recorded algorithm, what opened the last one is tried first
	before := r.peer.Count("unwrapkey")
	w.Algorithm = ""
	must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
	if n := r.peer.Count("unwrapkey") - before; n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestUnreadableMapKeepsNoDatabaseClosed(t *testing.T) {
	broken := false
	files := fsys.NewFaulty(fsys.NewMem(), func(fsys.Op) error {
		if broken {
			return fs.ErrPermission
		}
		return nil
	})
	r := newRig(t, options{files: files})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)

	r2 := newRig(t, options{files: files}) // a server that starts
	r2.cred.Identity, r2.settings = r.peer.Vault.URL, r.settings
	s2 := r2.open(t)
	broken = true
	got := must(s2.Unwrap(t.Context(), info.Thumbprint, w))(t)
	if !got.Equal(dek(1).Expose()) {
		t.Error("unwrapped something else")
	}
	if len(r2.seen(connector.MapFailed)) == 0 {
		t.Error("the map's failure was not reported")
	}
	if _, err := s2.KeyByName(t.Context(), "k"); code.Of(err) != code.FailureInRegistry {
		t.Errorf("registering a key: %v", err)
	}
	if _, err := s2.Unwrap(t.Context(), ekm.Thumbprint(strings.Repeat("z", 20)), w); code.Of(err) != code.FailureInRegistry {
		t.Errorf("a thumbprint that nobody knows: %v", err)
	}
}

func TestMetadataOfVaultsThatMovedTenant(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	must(s.KeyByName(t.Context(), "k"))(t)
	r.peer.RevokeTokens()
	moved := "99999999-2222-3333-4444-555555555555"
	r.peer.SetChallenge(`Bearer authorization="` + r.peer.Authority.URL + "/" + moved + `", resource="` + r.peer.Vault.URL + `"`)
	before := r.peer.Count("token")
	if _, err := s.KeyByName(t.Context(), "k"); err != nil {
		t.Errorf("after the move: %v", err)
	}
	if n := r.peer.Count("token") - before; n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
}
