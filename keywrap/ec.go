package keywrap

import (
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"math/big"
)

func (k *Key) ecSign(digest []byte) ([]byte, error) {
	if k.k1 != nil {
		return k1Sign(k.k1, digest), nil
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest)
	if err != nil {
		return nil, fmt.Errorf("signing with curve %q: %w", string(k.public.curve), err)
	}
	size := k.public.curve.size()
	sig := make([]byte, 2*size)
	r.FillBytes(sig[:size])
	s.FillBytes(sig[size:])
	return sig, nil
}

func (p *PublicKey) ecVerify(digest, sig []byte) error {
	size := p.curve.size()
	if len(sig) != 2*size {
		return ErrSignature
	}
	good := false
	if p.k1 != nil {
		good = k1Verify(p.k1, digest, sig)
	} else {
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		good = ecdsa.Verify(p.ec, digest, r, s)
	}
	if !good {
		return ErrSignature
	}
	return nil
}
