package keywrap

import (
	"crypto"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // RSA-OAEP is SHA-1 by definition
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
)

// rsaAllowed refuses what FIPS 140-only mode would refuse inside an operation, so that every later failure is about the data.
func rsaAllowed(info Info, pub *rsa.PublicKey) error {
	if pub.E < DefaultExponent && fips140.Enforced() {
		return fmt.Errorf("%w: %q with public exponent %d is not allowed in FIPS 140-only mode", ErrKeyType, string(info.Name), pub.E)
	}
	return nil
}

// overhead is what the padding takes of the modulus, in bytes.
func overhead(info Info) int {
	if info.mode == modeOAEP || info.mode == modeTransfer {
		return 2*info.hash.Size() + 2
	}
	return 11
}

func (p *PublicKey) rsaEncrypt(info Info, plain []byte) ([]byte, error) {
	if err := rsaAllowed(info, p.rsa); err != nil {
		return nil, err
	}
	if room := p.rsa.Size() - overhead(info); len(plain) > room {
		return nil, lengthError(info.Name, "plaintext", len(plain), fmt.Sprintf("at most %d for RSA-%d", room, p.Bits()))
	}
	var ct []byte
	var err error
	if info.mode == modeRSA15 {
		//lint:ignore SA1019 the API offers RSA1_5; the package comment warns
		ct, err = rsa.EncryptPKCS1v15(rand.Reader, p.rsa, plain)
	} else {
		ct, err = rsa.EncryptOAEP(info.hash.New(), rand.Reader, p.rsa, plain, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("encrypting with %q: %w", string(info.Name), err)
	}
	return ct, nil
}

func (k *Key) rsaDecrypt(info Info, ct []byte) ([]byte, error) {
	if err := rsaAllowed(info, k.public.rsa); err != nil {
		return nil, err
	}
	if size := k.rsa.Size(); len(ct) != size {
		return nil, lengthError(info.Name, "ciphertext", len(ct), fmt.Sprintf("%d for RSA-%d", size, k.Bits()))
	}
	var plain []byte
	var err error
	if info.mode == modeRSA15 {
		//lint:ignore SA1019 the API offers RSA1_5; the package comment says what remains of the oracle
		plain, err = rsa.DecryptPKCS1v15(nil, k.rsa, ct)
	} else {
		plain, err = rsa.DecryptOAEP(info.hash.New(), nil, k.rsa, ct, nil)
	}
	if err != nil {
		return nil, ErrDecrypt // whatever the library says
	}
	return plain, nil
}

func (k *Key) rsaSign(info Info, digest []byte) ([]byte, error) {
	if err := rsaAllowed(info, k.public.rsa); err != nil {
		return nil, err
	}
	var sig []byte
	var err error
	switch info.mode {
	case modePSS:
		sig, err = rsa.SignPSS(rand.Reader, k.rsa, info.hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case modeNull:
		if err := k.public.checkNull(info, digest); err != nil {
			return nil, err
		}
		sig, err = rsa.SignPKCS1v15(nil, k.rsa, crypto.Hash(0), digest)
	default:
		sig, err = rsa.SignPKCS1v15(nil, k.rsa, info.hash, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("signing with %q: %w", string(info.Name), err)
	}
	return sig, nil
}

func (p *PublicKey) rsaVerify(info Info, digest, sig []byte) error {
	if err := rsaAllowed(info, p.rsa); err != nil {
		return err
	}
	var err error
	switch info.mode {
	case modePSS:
		err = rsa.VerifyPSS(p.rsa, info.hash, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case modeNull:
		if err := p.checkNull(info, digest); err != nil {
			return err
		}
		err = rsa.VerifyPKCS1v15(p.rsa, crypto.Hash(0), digest, sig)
	default:
		err = rsa.VerifyPKCS1v15(p.rsa, info.hash, digest, sig)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

// checkNull bounds what RSNULL signs.
func (p *PublicKey) checkNull(info Info, value []byte) error {
	if room := p.rsa.Size() - overhead(info); len(value) == 0 || len(value) > room {
		return lengthError(info.Name, "value", len(value), fmt.Sprintf("1 to %d for RSA-%d", room, p.Bits()))
	}
	return nil
}
