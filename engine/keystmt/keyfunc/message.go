package keyfunc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"slices"

	"latchkey/engine/sqltype"
	"latchkey/internal/secret"
)

const (
	guidLen    = 16
	versionLen = 4
	innerLen   = 8
	magic      = 0xBAADF00D
	// maxText is the longest text that fits a varbinary(8000) in any of the forms, and what the length word holds.
	maxText = 7975
	// maxResult is the most that a function returns, in bytes.
	maxResult = 8000
)

// version is AES with SHA-2.
var version = []byte{2, 0, 0, 0}

// auth is an authenticator; absent is not the same as empty.
type auth struct {
	given bool
	data  []byte
}

// hash is over text and authenticator, nil without one.
func (a auth) hash(text []byte) []byte {
	if !a.given {
		return nil
	}
	h := sha256.New()
	h.Write(text)
	h.Write(a.data)
	return h.Sum(nil)
}

// sealMessage encrypts a text behind head: message 8152 if it would be too long.
func sealMessage(head []byte, key *secret.Bytes, text []byte, a auth) ([]byte, error) {
	h := a.hash(text)
	if len(head)+versionLen+aes.BlockSize+innerLen+len(h)+len(text) >= maxResult-aes.BlockSize || len(text) > maxText {
		return nil, sqltype.NewError(8152)
	}
	inner := binary.LittleEndian.AppendUint32(nil, magic)
	inner = binary.LittleEndian.AppendUint16(inner, uint16(len(h)))
	inner = binary.LittleEndian.AppendUint16(inner, uint16(len(text)))
	inner = append(append(inner, h...), text...)
	defer secret.Wipe(inner)
	pad := aes.BlockSize - len(inner)%aes.BlockSize
	inner = append(inner, bytes.Repeat([]byte{byte(pad)}, pad)...)
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, err
	}
	out := append(slices.Clone(head), version...)
	iv := make([]byte, aes.BlockSize)
	rand.Read(iv)
	out = append(out, iv...)
	at := len(out)
	out = append(out, inner...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out[at:], inner)
	return out, nil
}

// openMessage undoes sealMessage on what follows the head; nil if it does not open.
func openMessage(b []byte, key *secret.Bytes, a auth) []byte {
	if len(b) < versionLen+2*aes.BlockSize || len(b) > maxResult || !bytes.Equal(b[:versionLen], version) {
		return nil
	}
	iv, ct := b[versionLen:versionLen+aes.BlockSize], b[versionLen+aes.BlockSize:]
	block, err := aes.NewCipher(key.Expose())
	if err != nil || len(ct)%aes.BlockSize != 0 {
		return nil
	}
	inner := make([]byte, len(ct))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(inner, ct)
	pad := int(inner[len(inner)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(inner[len(inner)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil
	}
	inner = inner[:len(inner)-pad]
	if len(inner) < innerLen || binary.LittleEndian.Uint32(inner) != magic {
		return nil
	}
	hashed, length := int(binary.LittleEndian.Uint16(inner[4:])), int(binary.LittleEndian.Uint16(inner[6:]))
	if len(inner) != innerLen+hashed+length {
		return nil
	}
	hash, text := inner[innerLen:innerLen+hashed], inner[innerLen+hashed:]
	if want := a.hash(text); subtle.ConstantTimeCompare(hash, want) != 1 {
		return nil
	}
	return notNil(text)
}

// notNil keeps an empty value apart from NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// storedGUID is a GUID as SQL Server stores it: the first three groups least byte first. It is its own inverse.
func storedGUID(g [16]byte) [16]byte {
	slices.Reverse(g[0:4])
	slices.Reverse(g[4:6])
	slices.Reverse(g[6:8])
	return g
}
