package connector_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/connector"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"
)

func TestKeyIsFoundWrappedAndUnwrapped(t *testing.T) {
	for _, local := range []bool{false, true} {
		for _, alg := range []string{"RSA-OAEP-256", "RSA-OAEP", "RSA1_5"} {
			t.Run(fmt.Sprintf("%s local=%v", alg, local), func(t *testing.T) {
				r := newRig(t, options{config: func(c *connector.Config) { c.LocalWrap = local; c.Algorithm = keywrapAlgorithm(alg) }})
				k := r.peer.PutKey(t, "ContosoRSAKey0", rsaKey())
				s := r.open(t)
				info := must(s.KeyByName(t.Context(), "ContosoRSAKey0"))(t)
				if info.Name != "ContosoRSAKey0" || info.URI != k.URI(r.peer) || info.Bits != 2048 || info.Algorithm != 1 || len(info.Thumbprint) != 20 {
					t.Errorf("info = %+v", info)
				}
				again := must(s.KeyByThumbprint(t.Context(), info.Thumbprint))(t)
				if again.URI != info.URI {
					t.Errorf("KeyByThumbprint = %+v", again)
				}
				pub := must(s.PublicKey(t.Context(), info.Thumbprint))(t)
				if got, err := pub.Thumbprint(); err != nil || got != info.Thumbprint {
					t.Errorf("the exported key's thumbprint is %v, %v", got, err)
				}
				w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
				if w.Algorithm != alg || len(w.Blob) != 256 {
					t.Errorf("wrapped %q, %d bytes", w.Algorithm, len(w.Blob))
				}
				if got, want := r.peer.Count("wrapkey"), map[bool]int{false: 1, true: 0}[local]; got != want {
					t.Errorf("wrap requests = %d, want %d", got, want)
				}
				for _, recorded := range []string{w.Algorithm, "", "RSA-OAEP"} {
					got := must(s.Unwrap(t.Context(), info.Thumbprint, ekm.Wrapped{Algorithm: recorded, Blob: w.Blob}))(t)
					if !got.Equal(dek(1).Expose()) {
						t.Errorf("unwrapped something else with %q recorded", recorded)
					}
					got.Destroy()
				}
				if err := s.Close(false); err != nil {
					t.Error(err)
				}
				if _, err := s.KeyByName(t.Context(), "x"); !errors.Is(err, code.Failure) {
					t.Errorf("a closed session answered %v", err)
				}
			})
		}
	}
}

func TestVersionIsPinned(t *testing.T) {
	r := newRig(t, options{})
	old := r.peer.AddKey(t, "k", 2048)
	s := r.open(t)
	first := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), first.Thumbprint, dek(1)))(t)
	newer := r.peer.PutKey(t, "k", rsaKey())
	second := must(s.KeyByName(t.Context(), "k"))(t)
	if first.URI != old.URI(r.peer) || second.URI != newer.URI(r.peer) || first.Thumbprint == second.Thumbprint {
		t.Errorf("first %+v, second %+v", first, second)
	}
	got := must(s.Unwrap(t.Context(), first.Thumbprint, w))(t)
	if !got.Equal(dek(1).Expose()) {
		t.Error("the old version no longer opens what it wrapped")
	}
	byVersion := must(s.KeyByName(t.Context(), "k/"+strings.ToUpper(old.Version)))(t)
	if byVersion.URI != first.URI {
		t.Errorf("name/version found %q", byVersion.URI)
	}
}

func TestNames(t *testing.T) {
	strict := newRig(t, options{config: func(c *connector.Config) { c.StrictNames = true }})
	free := newRig(t, options{})
	long := strings.Repeat("k", 27)
	strict.peer.PutKey(t, long[:26], rsaKey())
	free.peer.PutKey(t, long, rsaKey())
	ss, fs := strict.open(t), free.open(t)
	if _, err := ss.KeyByName(t.Context(), long[:26]); err != nil {
		t.Errorf("26 characters: %v", err)
	}
	if _, err := ss.KeyByName(t.Context(), long); !errors.Is(err, code.KeyNameDoesNotFitThumbprint) {
		t.Errorf("27 characters, strict: %v", err)
	}
	if _, err := fs.KeyByName(t.Context(), long); err != nil {
		t.Errorf("27 characters: %v", err)
	}
	for _, bad := range []string{"", "/", "a b", "k_1", "k/", "k/123", "k/" + strings.Repeat("z", 32), "k/" + strings.Repeat("0", 32) + "/x", "../keys", "k\x00", strings.Repeat("k", 128), strings.Repeat("é", 300), "k?x=1", "k%2f"} {
		before := free.peer.Count("get")
		if _, err := fs.KeyByName(t.Context(), bad); code.Of(err) != code.InvalidArgument {
			t.Errorf("KeyByName(%q) = %v", bad, err)
		}
		if free.peer.Count("get") != before {
			t.Errorf("%q reached the vault", bad)
		}
	}
}

func TestCallsThatAreLeftToTheVault(t *testing.T) {
	r := newRig(t, options{})
	s := r.open(t)
	_, e1 := s.CreateKey(t.Context(), "k", 1)
	e2 := s.DropKey(t.Context(), "x")
	_, e3 := s.ImportKey(t.Context(), "k", nil)
	for _, err := range []error{e1, e2, e3} {
		if code.Of(err) != code.NotSupported {
			t.Errorf("%v", err)
		}
	}
	for range s.Keys(t.Context()) {
		t.Error("keys were enumerated")
	}
	i := r.provider.Info()
	if i.ThumbprintLen != 20 || i.Auth != ekm.AuthBasic || !i.AcceptsKeyName || i.API != (ekm.Version{Major: 1, Minor: 1}) {
		t.Errorf("info = %+v", i)
	}
	last := ekm.AlgorithmID(0)
	for _, a := range r.provider.Algorithms() {
		if a.ID <= last || !a.Asymmetric || a.IVBits != 0 {
			t.Errorf("algorithm %+v", a)
		}
		last = a.ID
	}
}

func TestLostMapIsRebuiltFromTheVault(t *testing.T) {
	r := newRig(t, options{})
	r.peer.AddKey(t, "other", 2048)
	want := r.peer.PutKey(t, "k", rsaKey())
	r.peer.AddKey(t, "k", 2048) // a newer version
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k/"+want.Version))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(7)))(t)
	if err := r.files.Remove("/map/keys"); err != nil {
		t.Fatal(err)
	}
	// another process, which knows nothing
	r2 := newRig(t, options{files: r.files})
	r2.cred.Identity = r.peer.Vault.URL
	r2.settings = r.settings
	s2 := r2.open(t)
	got := must(s2.Unwrap(t.Context(), info.Thumbprint, w))(t)
	if !got.Equal(dek(7).Expose()) {
		t.Error("unwrapped something else")
	}
	if len(r2.seen(connector.MapRebuilding)) != 1 {
		t.Error("the rebuilding was not reported")
	}
	if _, err := s2.KeyByThumbprint(t.Context(), ekm.Thumbprint(strings.Repeat("x", 20))); code.Of(err) != code.NotFound {
		t.Errorf("an unknown thumbprint: %v", err)
	}
	if es := r2.seen(connector.MapRebuilt); len(es) != 1 || es[0].Count != 3 {
		t.Errorf("rebuilt events: %+v", es)
	}
	entries := must(r2.keymap.Entries(t.Context()))(t)
	if len(entries) != 3 {
		t.Errorf("the map has %d entries, want 3", len(entries))
	}
}

func TestSameKeyUnderAnotherNameIsCode2057(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	r.peer.PutKey(t, "copy", rsaKey())
	s := r.open(t)
	must(s.KeyByName(t.Context(), "k"))(t)
	must(s.KeyByName(t.Context(), "k"))(t)
	if _, err := s.KeyByName(t.Context(), "copy"); code.Of(err) != code.ThumbprintExistedInRegistry {
		t.Errorf("KeyByName = %v", err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t).(*connector.Session)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	blob := must(s.BackupKey(t.Context(), info.Thumbprint))(t)
	back := must(s.RestoreKey(t.Context(), blob))(t)
	if back.Thumbprint != info.Thumbprint || back.URI != info.URI {
		t.Errorf("restored %+v", back)
	}
	if _, err := s.RestoreKey(t.Context(), []byte("junk")); code.Of(err) != code.HTTPResponseCodeClientError {
		t.Errorf("restoring junk: %v", err)
	}
}

func TestAbortEndsCallsInFlight(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
	arrived := make(chan struct{})
	release := make(chan struct{})
	r.peer.SetHook(holdUnwraps(arrived, release))
	defer close(release)
	result := make(chan error, 1)
	go func() {
		_, err := s.Unwrap(t.Context(), info.Thumbprint, w)
		result <- err
	}()
	<-arrived
	if err := s.Close(true); err != nil {
		t.Error(err)
	}
	if err := <-result; code.Of(err) != code.Failure {
		t.Errorf("the aborted call = %v", err)
	}
	for _, e := range append(r.seen(connector.CallDone), r.seen(connector.Retried)...) {
		if e.Class == keystore.Outage {
			t.Errorf("an abort was taken for an outage: %+v", e)
		}
	}
}

func TestUnwrapsInFlightAreOneRequestAndALeaderThatLeavesHarmsNobody(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	r.peer.SetHook(holdUnwraps(arrived, release))

	leader, cancel := contextWithCancel(t)
	left := make(chan error, 1)
	go func() {
		_, err := s.Unwrap(leader, info.Thumbprint, w)
		left <- err
	}()
	<-arrived
	const followers = 50
	results := make(chan *secret.Bytes, followers)
	for range followers {
		s2 := r.open(t)
		go func() {
			got, err := s2.Unwrap(t.Context(), info.Thumbprint, w)
			if err != nil {
				t.Error(err)
			}
			results <- got
		}()
	}
	waitFor(t, func() bool { return r.provider.WaitingForTesting() == followers+1 })
	cancel()
	if err := <-left; code.Of(err) != code.Failure {
		t.Errorf("the leader that left = %v", err)
	}
	close(release)
	for range followers {
		got := <-results
		if !got.Equal(dek(1).Expose()) {
			t.Error("a follower got something else")
		}
		got.Destroy() // must not reach into the others' copies
	}
	if n := r.peer.Count("unwrapkey"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
