package vault

import (
	"crypto/rand"
	"errors"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/keyspec"
)

// use loads a version for a key operation and checks that it may be used for it now.
func (tx *Tx) use(op door.Op, keyOp, name, version, alg string) (loaded, error) {
	if err := tx.Opened(op); err != nil {
		return loaded{}, err
	}
	l, err := tx.load(name, version)
	if err != nil {
		return loaded{}, err
	}
	if bad := keyspec.Usable(l.version.Val, keyOp, tx.Now.Unix()); bad != nil {
		return loaded{}, bad
	}
	if alg == "" {
		return loaded{}, keyspec.BadParameter("The property 'alg' is missing.")
	}
	if keyspec.AlgorithmLevel(alg) > tx.Call.Version.Level {
		return loaded{}, keyspec.InvalidProperty("alg %.64q is not known to api-version %s.", alg, tx.Call.Version)
	}
	return l, nil
}

func missing(what string) error { return keyspec.BadParameter("The property '%s' is missing.", what) }

func (tx *Tx) result(l loaded, alg string, value []byte) *akv.OpResult {
	r := &akv.OpResult{KID: tx.Object, Value: value}
	if tx.Vault.HSM {
		r.Alg = alg
	}
	return r
}

// Encrypt encrypts p.Value.
func (tx *Tx) Encrypt(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	l, err := tx.use(door.OpKeyEncrypt, akv.OpEncrypt, name, version, p.Alg)
	if err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, missing("value")
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	m, err := key.Encrypt(keywrap.Algorithm(p.Alg), keywrap.Message{Value: p.Value, IV: p.IV, AAD: p.AAD, Tag: p.Tag})
	if err != nil {
		return nil, err
	}
	r := tx.result(l, p.Alg, m.Value)
	r.IV, r.AAD, r.Tag = m.IV, m.AAD, m.Tag
	return r, nil
}

// Decrypt decrypts p.Value.
func (tx *Tx) Decrypt(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	l, err := tx.use(door.OpKeyDecrypt, akv.OpDecrypt, name, version, p.Alg)
	if err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, missing("value")
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	plain, err := key.Decrypt(keywrap.Algorithm(p.Alg), keywrap.Message{Value: p.Value, IV: p.IV, AAD: p.AAD, Tag: p.Tag})
	if err != nil {
		return nil, err
	}
	return tx.result(l, p.Alg, notNil(plain)), nil
}

// WrapKey wraps p.Value, a key.
func (tx *Tx) WrapKey(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	l, err := tx.use(door.OpKeyWrap, akv.OpWrapKey, name, version, p.Alg)
	if err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, missing("value")
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	out, err := key.WrapKey(keywrap.Algorithm(p.Alg), p.Value)
	if err != nil {
		return nil, err
	}
	return tx.result(l, p.Alg, out), nil
}

// UnwrapKey unwraps p.Value.
func (tx *Tx) UnwrapKey(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	l, err := tx.use(door.OpKeyUnwrap, akv.OpUnwrapKey, name, version, p.Alg)
	if err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, missing("value")
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	out, err := key.UnwrapKey(keywrap.Algorithm(p.Alg), p.Value)
	if err != nil {
		return nil, err
	}
	return tx.result(l, p.Alg, notNil(out)), nil
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Sign signs p.Value, a digest.
func (tx *Tx) Sign(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	l, err := tx.use(door.OpKeySign, akv.OpSign, name, version, p.Alg)
	if err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, missing("value")
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(keywrap.Algorithm(p.Alg), p.Value)
	if err != nil {
		return nil, err
	}
	return tx.result(l, p.Alg, sig), nil
}

// Verify checks a signature: a bad one is an answer, not an error.
func (tx *Tx) Verify(name, version string, p *akv.VerifyParams) (*akv.VerifyResult, error) {
	l, err := tx.use(door.OpKeyVerify, akv.OpVerify, name, version, p.Alg)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Digest == nil:
		return nil, missing("digest")
	case p.Value == nil:
		return nil, missing("value")
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	err = key.Verify(keywrap.Algorithm(p.Alg), p.Digest, p.Value)
	if err != nil && !errors.Is(err, keywrap.ErrSignature) {
		return nil, err
	}
	r := &akv.VerifyResult{Value: err == nil}
	if tx.Vault.HSM {
		r.Alg, r.KID = p.Alg, tx.Object
	}
	return r, nil
}

// Random gives random bytes; of a Managed HSM only.
func (tx *Tx) Random(p *akv.RandomParams) (*akv.RandomResult, error) {
	if err := tx.Opened(door.OpRandomBytes); err != nil {
		return nil, err
	}
	if p.Count == nil || *p.Count < 1 || *p.Count > akv.MaxRandom {
		return nil, keyspec.BadParameter("GetRandomBytesRequest: count cannot be greater than %d or less than 1", akv.MaxRandom)
	}
	b := make([]byte, *p.Count)
	rand.Read(b)
	return &akv.RandomResult{Value: b}, nil
}
