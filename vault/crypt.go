package vault

import (
	"crypto/rand"
	"errors"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/keyspec"
)

// use loads a version for a key operation, checks that it may be used for it now and that its members are there, in the
// order that the real service names what is wrong.
func (tx *Tx) use(op door.Op, keyOp, name, version, alg string, members ...member) (loaded, *keywrap.Key, error) {
	if err := tx.Opened(op); err != nil {
		return loaded{}, nil, err
	}
	l, err := tx.load(name, version)
	if err != nil {
		return loaded{}, nil, err
	}
	if bad := keyspec.Usable(l.version.Val, keyOp, tx.Now.Unix()); bad != nil {
		return loaded{}, nil, bad
	}
	if alg == "" {
		return loaded{}, nil, missing("alg")
	}
	if keyspec.AlgorithmLevel(alg) > tx.Call.Version.Level {
		return loaded{}, nil, keyspec.InvalidProperty("alg %.64q is not known to api-version %s.", alg, tx.Call.Version)
	}
	for _, m := range members {
		if m.value == nil {
			return loaded{}, nil, missing(m.name)
		}
	}
	key, err := tx.private(l)
	return l, key, err
}

// member is a member of a body that must be there.
type member struct {
	name  string
	value akv.Bytes
}

func missing(what string) error { return keyspec.BadParameter("The property '%s' is missing.", what) }

// apply is the frame of the operations that turn a value into another.
func (tx *Tx) apply(op door.Op, keyOp, name, version string, p *akv.OpParams, f func(*keywrap.Key, keywrap.Algorithm) (keywrap.Message, error)) (*akv.OpResult, error) {
	l, key, err := tx.use(op, keyOp, name, version, p.Alg, member{"value", p.Value})
	if err != nil {
		return nil, err
	}
	m, err := f(key, keywrap.Algorithm(p.Alg))
	if err != nil {
		return nil, err
	}
	r := tx.result(l, p.Alg, notNil(m.Value))
	r.IV, r.AAD, r.Tag = m.IV, m.AAD, m.Tag
	return r, nil
}

func (tx *Tx) result(l loaded, alg string, value []byte) *akv.OpResult {
	r := &akv.OpResult{KID: tx.Object, Value: value}
	if tx.Vault.HSM {
		r.Alg = alg
	}
	return r
}

func message(p *akv.OpParams) keywrap.Message {
	return keywrap.Message{Value: p.Value, IV: p.IV, AAD: p.AAD, Tag: p.Tag}
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Encrypt encrypts p.Value.
func (tx *Tx) Encrypt(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	return tx.apply(door.OpKeyEncrypt, akv.OpEncrypt, name, version, p, func(k *keywrap.Key, alg keywrap.Algorithm) (keywrap.Message, error) {
		return k.Encrypt(alg, message(p))
	})
}

// Decrypt decrypts p.Value.
func (tx *Tx) Decrypt(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	return tx.apply(door.OpKeyDecrypt, akv.OpDecrypt, name, version, p, func(k *keywrap.Key, alg keywrap.Algorithm) (keywrap.Message, error) {
		plain, err := k.Decrypt(alg, message(p))
		return keywrap.Message{Value: plain}, err
	})
}

// WrapKey wraps p.Value, a key.
func (tx *Tx) WrapKey(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	return tx.apply(door.OpKeyWrap, akv.OpWrapKey, name, version, p, func(k *keywrap.Key, alg keywrap.Algorithm) (keywrap.Message, error) {
		out, err := k.WrapKey(alg, p.Value)
		return keywrap.Message{Value: out}, err
	})
}

// UnwrapKey unwraps p.Value.
func (tx *Tx) UnwrapKey(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	return tx.apply(door.OpKeyUnwrap, akv.OpUnwrapKey, name, version, p, func(k *keywrap.Key, alg keywrap.Algorithm) (keywrap.Message, error) {
		out, err := k.UnwrapKey(alg, p.Value)
		return keywrap.Message{Value: out}, err
	})
}

// Sign signs p.Value, a digest.
func (tx *Tx) Sign(name, version string, p *akv.OpParams) (*akv.OpResult, error) {
	return tx.apply(door.OpKeySign, akv.OpSign, name, version, p, func(k *keywrap.Key, alg keywrap.Algorithm) (keywrap.Message, error) {
		sig, err := k.Sign(alg, p.Value)
		return keywrap.Message{Value: sig}, err
	})
}

// Verify checks a signature: a bad one is an answer, not an error.
func (tx *Tx) Verify(name, version string, p *akv.VerifyParams) (*akv.VerifyResult, error) {
	_, key, err := tx.use(door.OpKeyVerify, akv.OpVerify, name, version, p.Alg, member{"digest", p.Digest}, member{"value", p.Value})
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
