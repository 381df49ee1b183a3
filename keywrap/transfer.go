package keywrap

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// WrapTransfer protects a private or symmetric key for another party's RSA key (PKCS#11 CKM_RSA_AES_KEY_WRAP), as in
// bring-your-own-key import and in release: RSA-OAEP of a fresh AES-256 key, then AES-KWP of the target under it. RSA and EC targets travel as
// PKCS#8, oct targets as they are. alg is RSAAESKeyWrap, RSAAESKeyWrap256 or RSAAESKeyWrap384.
func (p *PublicKey) WrapTransfer(alg Algorithm, target *Key) ([]byte, error) {
	info, err := check(alg, OpTransfer, p.Kind(), p.curve, p.Bits())
	if err != nil {
		return nil, err
	}
	payload := target.oct
	if target.public != nil {
		if payload, err = target.MarshalPKCS8(); err != nil {
			return nil, err
		}
		defer clear(payload)
	}
	ephemeral := make([]byte, 32)
	defer clear(ephemeral)
	if _, err := rand.Read(ephemeral); err != nil {
		return nil, fmt.Errorf("choosing a transfer key: %w", err)
	}
	head, err := p.rsaEncrypt(info, ephemeral)
	if err != nil {
		return nil, err
	}
	kek, err := ImportOct(ephemeral)
	if err != nil {
		return nil, err
	}
	tail, err := kek.WrapKey(AESKeyWrapPad, payload)
	if err != nil {
		return nil, err
	}
	return append(head, tail...), nil
}

// UnwrapTransfer undoes WrapTransfer with the private RSA key. kind says what the target is: RSA and EC keys are read as PKCS#8 and must
// be of the kind said, Oct takes the bytes as they are. A blob that does not open is ErrDecrypt; that includes a transfer key of 192 bits, which
// the key wrap beneath does not take. Once opened, contents that are not such a key are ErrInvalidKey.
func (k *Key) UnwrapTransfer(alg Algorithm, blob []byte, kind Kind) (*Key, error) {
	info, err := check(alg, OpTransfer, k.Kind(), k.Curve(), k.Bits())
	if err != nil {
		return nil, err
	}
	if err := rsaAllowed(info, k.public.rsa); err != nil {
		return nil, err
	}
	switch kind {
	case RSA, EC, Oct:
	default:
		return nil, fmt.Errorf("%w: unknown kind of key %q", ErrParameter, string(kind))
	}
	size := k.rsa.Size()
	if n := len(blob) - size; n < MinWrap+8 || n > MaxWrap+8 || n%8 != 0 {
		return nil, lengthError(alg, "blob", len(blob), fmt.Sprintf("%d plus %d to %d in multiples of 8", size, MinWrap+8, MaxWrap+8))
	}
	transfer, err := rsa.DecryptOAEP(info.hash.New(), nil, k.rsa, blob[:size], nil)
	if err != nil {
		return nil, ErrDecrypt
	}
	defer clear(transfer)
	kek, err := ImportOct(transfer)
	if err != nil {
		return nil, ErrDecrypt
	}
	payload, err := kek.UnwrapKey(AESKeyWrapPad, blob[size:])
	if err != nil {
		return nil, ErrDecrypt
	}
	defer clear(payload)
	if kind == Oct {
		return ImportOct(payload)
	}
	target, err := ParseDER(payload)
	if err != nil {
		return nil, err
	}
	if target.Kind() != kind {
		return nil, keyError("the blob holds a key of kind %q, want %q", target.Kind(), kind)
	}
	return target, nil
}
