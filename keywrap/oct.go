package keywrap

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/subtle"
	"fmt"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
	kwp "github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// Bounds of what AES key wrap takes, in bytes. They are those of the library beneath CKM_AES_KEY_WRAP_PAD, which hold for all key wrap here.
const (
	MinWrap = kwp.MinWrapSize // 16
	MaxWrap = kwp.MaxWrapSize // 8,192
)

const blockSize = 16

func (k *Key) gcmSeal(info Info, in Message) (Message, error) {
	if len(in.Value) > MaxMessage || len(in.AAD) > MaxMessage {
		return Message{}, lengthError(info.Name, "value or aad", max(len(in.Value), len(in.AAD)), fmt.Sprintf("at most %d", MaxMessage))
	}
	sealed := k.gcm.Seal(nil, nil, in.Value, in.AAD) // iv || ciphertext || tag
	iv, body := sealed[:info.IV:info.IV], sealed[info.IV:]
	n := len(body) - info.Tag
	return Message{Value: body[:n:n], IV: iv, AAD: in.AAD, Tag: body[n:]}, nil
}

func (k *Key) gcmOpen(info Info, in Message) ([]byte, error) {
	switch {
	case len(in.IV) != info.IV:
		return nil, lengthError(info.Name, "iv", len(in.IV), fmt.Sprint(info.IV))
	case len(in.Tag) != info.Tag:
		return nil, lengthError(info.Name, "tag", len(in.Tag), fmt.Sprint(info.Tag))
	case len(in.Value) > MaxMessage || len(in.AAD) > MaxMessage:
		return nil, lengthError(info.Name, "value or aad", max(len(in.Value), len(in.AAD)), fmt.Sprintf("at most %d", MaxMessage))
	}
	sealed := make([]byte, 0, info.IV+len(in.Value)+info.Tag)
	sealed = append(append(append(sealed, in.IV...), in.Value...), in.Tag...)
	plain, err := k.gcm.Open(make([]byte, 0, len(in.Value)), nil, sealed, in.AAD)
	if err != nil {
		return nil, ErrDecrypt
	}
	return plain, nil
}

func (k *Key) cbcEncrypt(info Info, in Message) (Message, error) {
	if len(in.IV) != info.IV {
		return Message{}, lengthError(info.Name, "iv", len(in.IV), fmt.Sprint(info.IV))
	}
	n := len(in.Value)
	if n > MaxMessage {
		return Message{}, lengthError(info.Name, "plaintext", n, fmt.Sprintf("at most %d", MaxMessage))
	}
	pad := 0
	if info.mode == modeCBCPad {
		pad = blockSize - n%blockSize
	} else if n == 0 || n%blockSize != 0 {
		return Message{}, lengthError(info.Name, "plaintext", n, fmt.Sprintf("whole blocks of %d", blockSize))
	}
	out := make([]byte, n+pad)
	copy(out, in.Value)
	for i := n; i < len(out); i++ {
		out[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(k.block, in.IV).CryptBlocks(out, out)
	return Message{Value: out, IV: in.IV}, nil
}

func (k *Key) cbcDecrypt(info Info, in Message) ([]byte, error) {
	if len(in.IV) != info.IV {
		return nil, lengthError(info.Name, "iv", len(in.IV), fmt.Sprint(info.IV))
	}
	n := len(in.Value)
	if n == 0 || n%blockSize != 0 || n > MaxMessage+blockSize {
		return nil, lengthError(info.Name, "ciphertext", n, fmt.Sprintf("whole blocks of %d, at most %d", blockSize, MaxMessage+blockSize))
	}
	out := make([]byte, n)
	cipher.NewCBCDecrypter(k.block, in.IV).CryptBlocks(out, in.Value)
	if info.mode == modeCBC {
		return out, nil
	}
	pad, good := padding(out[n-blockSize:])
	if good != 1 {
		clear(out)
		return nil, ErrDecrypt
	}
	return out[:n-pad], nil
}

// padding looks at PKCS#7 padding (RFC 5652 6.3) in the last block, in time that does not depend on its contents. good is 1 or 0.
func padding(last []byte) (pad, good int) {
	pad = int(last[blockSize-1])
	good = subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, blockSize)
	for i := range blockSize {
		inPad := subtle.ConstantTimeLessOrEq(i+1, pad)
		equal := subtle.ConstantTimeByteEq(last[blockSize-1-i], byte(pad))
		good &= subtle.ConstantTimeSelect(inPad, equal, 1)
	}
	return pad, good
}

func (k *Key) aesWrap(info Info, key []byte) ([]byte, error) {
	n := len(key)
	if n < MinWrap || n > MaxWrap {
		return nil, lengthError(info.Name, "key to wrap", n, fmt.Sprintf("%d to %d", MinWrap, MaxWrap))
	}
	var out []byte
	var err error
	if info.mode == modeKWP {
		out, err = k.kwp.Wrap(key)
	} else if n%8 != 0 {
		return nil, lengthError(info.Name, "key to wrap", n, "a multiple of 8")
	} else {
		out, err = josecipher.KeyWrap(k.block, key)
	}
	if err != nil {
		return nil, fmt.Errorf("wrapping with %q: %w", string(info.Name), err)
	}
	return out, nil
}

func (k *Key) aesUnwrap(info Info, wrapped []byte) ([]byte, error) {
	if n := len(wrapped); n < MinWrap+8 || n > MaxWrap+8 || n%8 != 0 {
		return nil, lengthError(info.Name, "wrapped key", n, fmt.Sprintf("%d to %d and a multiple of 8", MinWrap+8, MaxWrap+8))
	}
	var out []byte
	var err error
	if info.mode == modeKWP {
		out, err = k.kwp.Unwrap(wrapped)
	} else {
		out, err = josecipher.KeyUnwrap(k.block, wrapped)
	}
	if err != nil {
		return nil, ErrDecrypt
	}
	return out, nil
}

func (k *Key) mac(info Info, message []byte) []byte {
	h := hmac.New(info.hash.New, k.oct)
	h.Write(message)
	return h.Sum(nil)
}

func (k *Key) verifyMAC(info Info, message, mac []byte) error {
	if !hmac.Equal(k.mac(info, message), mac) {
		return ErrSignature
	}
	return nil
}
