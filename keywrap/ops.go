package keywrap

import (
	"fmt"
	"log/slog"
)

// MaxMessage is the most that symmetric encryption and HMAC take, 16 MiB.
const MaxMessage = 16 << 20

// Message is what Encrypt takes and gives and what Decrypt takes. What Encrypt returns can be given to Decrypt as it is.
type Message struct {
	Value []byte // plaintext or ciphertext
	// IV is 16 bytes of the caller's for A*CBC and A*CBCPAD. For A*GCM the 12 bytes are chosen by Encrypt, which refuses one from the caller, and are needed by
	// Decrypt. It must be unpredictable for CBC.
	IV  []byte
	AAD []byte // additional authenticated data, A*GCM only
	Tag []byte // 16 bytes, A*GCM only
}

// Format prints sizes only, for any verb, since Value may be a plaintext.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message [value %d bytes, iv %d, aad %d, tag %d]", len(m.Value), len(m.IV), len(m.AAD), len(m.Tag))
}

// LogValue makes slog print what Format prints.
func (m Message) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// extras refuses parameters that the algorithm would silently not use.
func (m Message) extras(info Info, sealing bool) error {
	unused := ""
	switch {
	case len(m.IV) != 0 && info.IV == 0:
		unused = "iv"
	case len(m.IV) != 0 && info.mode == modeGCM && sealing:
		return fmt.Errorf("%w: the iv for %q is chosen here, do not give one", ErrParameter, string(info.Name))
	case len(m.AAD) != 0 && info.mode != modeGCM:
		unused = "aad"
	case len(m.Tag) != 0 && (info.Tag == 0 || sealing):
		unused = "tag"
	}
	if unused != "" {
		return fmt.Errorf("%w: %q takes no %s here", ErrParameter, string(info.Name), unused)
	}
	return nil
}

// Encrypt encrypts in.Value with an RSA algorithm. The plaintext is at most Bits/8 bytes less 11 (RSA1_5), 42 (RSA-OAEP) or
// 66 (RSA-OAEP-256).
func (p *PublicKey) Encrypt(alg Algorithm, in Message) (Message, error) {
	info, err := check(alg, OpEncrypt, p.Kind(), p.curve, p.Bits())
	if err != nil {
		return Message{}, err
	}
	if err := in.extras(info, true); err != nil {
		return Message{}, err
	}
	ct, err := p.rsaEncrypt(info, in.Value)
	return Message{Value: ct}, err
}

// WrapKey is Encrypt for key material: RSA algorithms only.
func (p *PublicKey) WrapKey(alg Algorithm, key []byte) ([]byte, error) {
	info, err := check(alg, OpWrap, p.Kind(), p.curve, p.Bits())
	if err != nil {
		return nil, err
	}
	return p.rsaEncrypt(info, key)
}

// Verify checks a signature over a digest, which must have the algorithm's length. The error is nil for a good signature
// and ErrSignature for a bad one. ECDSA signatures are r || s of fixed width; PSS salts must be as long as the hash.
func (p *PublicKey) Verify(alg Algorithm, digest, sig []byte) error {
	info, err := check(alg, OpVerify, p.Kind(), p.curve, p.Bits())
	if err != nil {
		return err
	}
	if err := checkDigest(info, digest); err != nil {
		return err
	}
	if info.Kind == EC {
		return p.ecVerify(digest, sig)
	}
	return p.rsaVerify(info, digest, sig)
}

// Encrypt encrypts with an RSA, A*GCM, A*CBC or A*CBCPAD algorithm. For A*GCM a fresh random iv is chosen and returned with the tag.
func (k *Key) Encrypt(alg Algorithm, in Message) (Message, error) {
	if k.public != nil {
		return k.public.Encrypt(alg, in)
	}
	info, err := check(alg, OpEncrypt, Oct, "", k.Bits())
	if err != nil {
		return Message{}, err
	}
	if err := in.extras(info, true); err != nil {
		return Message{}, err
	}
	if info.mode == modeGCM {
		return k.gcmSeal(info, in)
	}
	return k.cbcEncrypt(info, in)
}

// Decrypt decrypts what Encrypt made. A ciphertext that does not open is ErrDecrypt.
func (k *Key) Decrypt(alg Algorithm, in Message) ([]byte, error) {
	info, err := check(alg, OpDecrypt, k.Kind(), k.Curve(), k.Bits())
	if err != nil {
		return nil, err
	}
	if err := in.extras(info, false); err != nil {
		return nil, err
	}
	switch info.mode {
	case modeGCM:
		return k.gcmOpen(info, in)
	case modeCBC, modeCBCPad:
		return k.cbcDecrypt(info, in)
	}
	return k.rsaDecrypt(info, in.Value)
}

// WrapKey wraps key material with an RSA or AES key wrap algorithm. AES key wrap takes 16 to MaxWrap bytes, in multiples of 8
// unless padded.
func (k *Key) WrapKey(alg Algorithm, key []byte) ([]byte, error) {
	if k.public != nil {
		return k.public.WrapKey(alg, key)
	}
	info, err := check(alg, OpWrap, Oct, "", k.Bits())
	if err != nil {
		return nil, err
	}
	return k.aesWrap(info, key)
}

// UnwrapKey undoes WrapKey. A wrapped key that does not open is ErrDecrypt.
func (k *Key) UnwrapKey(alg Algorithm, wrapped []byte) ([]byte, error) {
	info, err := check(alg, OpUnwrap, k.Kind(), k.Curve(), k.Bits())
	if err != nil {
		return nil, err
	}
	if info.Kind == RSA {
		return k.rsaDecrypt(info, wrapped)
	}
	return k.aesUnwrap(info, wrapped)
}

// Sign signs a digest, which must have the algorithm's length (Info.Digest). RSNULL signs up to Bits/8 - 11 bytes as they are; HS* gives the
// whole HMAC of the bytes as they are, up to MaxMessage.
func (k *Key) Sign(alg Algorithm, digest []byte) ([]byte, error) {
	info, err := check(alg, OpSign, k.Kind(), k.Curve(), k.Bits())
	if err != nil {
		return nil, err
	}
	if err := checkDigest(info, digest); err != nil {
		return nil, err
	}
	switch info.Kind {
	case RSA:
		return k.rsaSign(info, digest)
	case EC:
		return k.ecSign(digest)
	}
	return k.mac(info, digest), nil
}

// Verify checks a signature or a MAC; see PublicKey.Verify. A MAC must be whole.
func (k *Key) Verify(alg Algorithm, digest, sig []byte) error {
	if k.public != nil {
		return k.public.Verify(alg, digest, sig)
	}
	info, err := check(alg, OpVerify, Oct, "", k.Bits())
	if err != nil {
		return err
	}
	if err := checkDigest(info, digest); err != nil {
		return err
	}
	return k.verifyMAC(info, digest, sig)
}

func checkDigest(info Info, digest []byte) error {
	if info.Digest != 0 && len(digest) != info.Digest {
		return lengthError(info.Name, "digest", len(digest), fmt.Sprint(info.Digest))
	}
	if len(digest) > MaxMessage {
		return lengthError(info.Name, "value", len(digest), fmt.Sprintf("at most %d", MaxMessage))
	}
	return nil
}
