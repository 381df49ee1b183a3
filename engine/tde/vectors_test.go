package tde_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/scan"
	"latchkey/internal/secret"
)

// vector is one unit of the format, for any implementation. See docs/formats/database-file.md and testdata/vectors/README.md.
type vector struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // page, frame, log-header, header, journal
	DEK    string `json:"dek,omitempty"`
	FileID string `json:"file_id,omitempty"`
	Salt   string `json:"salt,omitempty"` // of the epoch
	Number uint64 `json:"number"`
	Unit   string `json:"unit"`            // as on disk, base64
	Plain  string `json:"plain,omitempty"` // what it opens to, base64; empty if it must be refused
	Valid  bool   `json:"valid"`
}

const vectorFile = "testdata/vectors/vectors.json"

// TestVectors reads the vectors with this package's code and with a second reader, written from the format's description with
// the standard library alone. LATCHKEY_WRITE_VECTORS=1 makes new ones.
func TestVectors(t *testing.T) {
	if os.Getenv("LATCHKEY_WRITE_VECTORS") != "" {
		b, err := json.MarshalIndent(makeVectors(t), "", " ")
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(vectorFile), 0o755))
		must(t, os.WriteFile(vectorFile, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(vectorFile)
	must(t, err)
	var vectors []vector
	must(t, json.Unmarshal(b, &vectors))
	if len(vectors) < 30 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			for name, read := range map[string]func(vector) ([]byte, error){"package": v.open, "second reader": v.openPlainly} {
				got, err := read(v)
				switch {
				case v.Valid && err != nil:
					t.Errorf("%s refuses it: %v", name, err)
				case !v.Valid && err == nil:
					t.Errorf("%s accepts it", name)
				case v.Valid && !bytes.Equal(got, unbase(v.Plain)):
					t.Errorf("%s reads something else", name)
				}
			}
		})
	}
}

func unbase(s string) []byte { b, _ := base64.StdEncoding.DecodeString(s); return b }
func unhex(s string) []byte  { b, _ := hex.DecodeString(s); return b }

func (v vector) codec() (*pagecipher.Codec, error) {
	span := pagecipher.Span{First: 1, Salt: [16]byte(unhex(v.Salt))}
	r := pagecipher.NewRing(pagecipher.FileID(unhex(v.FileID)), func(g uint32) (pagecipher.DEK, error) {
		return pagecipher.DEK{Generation: g, Next: 2, Spans: []pagecipher.Span{span}}, nil
	})
	err := r.Add(pagecipher.DEK{Generation: 1, Key: secret.New(unhex(v.DEK)), Next: 2, Spans: []pagecipher.Span{span}})
	return pagecipher.NewCodec(r), err
}

// open reads the unit with this package's code.
func (v vector) open(vector) ([]byte, error) {
	unit := unbase(v.Unit)
	switch v.Kind {
	case "header":
		h, err := header.Decode(unit)
		if err == nil {
			err = h.Verify(unhex(v.DEK))
		}
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, "%d %v %d %v", h.Seq, h.State, h.Filled, h.Newest().Protector), nil
	case "journal":
		j, err := scan.DecodeTable(unit)
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, "%d %v", j.Round, j.Pages), nil
	}
	c, err := v.codec()
	if err != nil {
		return nil, err
	}
	switch v.Kind {
	case "page":
		dst := make([]byte, pagecipher.Payload)
		st, _, err := c.OpenPage(dst, unit, uint32(v.Number))
		if err == nil && st == pagecipher.Hole {
			err = errors.New("a hole")
		}
		return dst, err
	case "frame":
		var f pagecipher.FrameBuf
		_, err := c.OpenFrame(&f, unit, v.Number)
		return f[:], err
	default:
		dst := make([]byte, pagecipher.WALHeader)
		st, err := c.OpenWALHeader(dst, unit)
		if err == nil && st == pagecipher.Hole {
			err = errors.New("a hole")
		}
		return dst, err
	}
}

// openPlainly reads the unit as the format's description says, without this package.
func (v vector) openPlainly(vector) ([]byte, error) {
	unit, be := unbase(v.Unit), binary.BigEndian
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	switch v.Kind {
	case "header":
		if len(unit) < 24 || string(unit[:16]) != "LATCHKEY-TDE\r\n\x1a\x00" || be.Uint32(unit[16:]) != 1 {
			return nil, errors.New("no header")
		}
		end := 24 + int(be.Uint32(unit[20:]))
		if end+36 > len(unit) || crc32.Checksum(unit[:end+32], castagnoli) != be.Uint32(unit[end+32:]) {
			return nil, errors.New("checksum")
		}
		body := unit[24:end]
		k, err := hkdf.Key(sha256.New, unhex(v.DEK), nil, "latchkey header key v1\x00"+string(body[8:24]), 32)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, k)
		mac.Write(body)
		if !hmac.Equal(mac.Sum(nil), unit[end:end+32]) {
			return nil, errors.New("authentication")
		}
		names := []string{"NONE", "UNENCRYPTED", "ENCRYPTION_IN_PROGRESS", "ENCRYPTED"}
		key := body[83:] // the first key: generation 4, algorithm 1, next epoch 2, created 8, then the thumbprint
		n := int(be.Uint16(key[15:]))
		return fmt.Appendf(nil, "%d %s %d 0x%X", be.Uint64(body), names[body[24]], be.Uint32(body[34:]), key[17:17+n]), nil
	case "journal":
		if len(unit) < 44 || string(unit[:8]) != "LKSCAN\r\n" || be.Uint32(unit[8:]) != 1 {
			return nil, errors.New("no journal")
		}
		n := int(be.Uint32(unit[12:]))
		if n > 2048 || 44+4*n > len(unit) || crc32.Checksum(unit[:40+4*n], castagnoli) != be.Uint32(unit[40+4*n:]) {
			return nil, errors.New("checksum")
		}
		var pages []uint32
		for i := range n {
			pages = append(pages, be.Uint32(unit[40+4*i:]))
		}
		return fmt.Appendf(nil, "%d %v", be.Uint64(unit[32:]), pages), nil
	}
	kind, size, clear := byte(1), 4096, []byte(nil)
	switch v.Kind {
	case "frame":
		kind, size = 2, 4128
	case "log-header":
		kind, size = 3, 64
	}
	if len(unit) != size {
		return nil, errors.New("size")
	}
	if v.Kind == "frame" {
		clear, unit = unit[:16], unit[16:]
	}
	label := unit[len(unit)-4:]
	aad := append(unhex(v.FileID), kind, label[2], label[0], label[1])
	aad = append(be.AppendUint64(aad, v.Number), clear...)
	if label[3] != 0 {
		return nil, errors.New("spare byte")
	}
	switch slot := be.Uint16(label); {
	case label[2] == 2 && slot == 0:
		data := unit[:len(unit)-32]
		want := be.Uint32(unit[len(unit)-8:])
		if crc32.Update(crc32.Checksum(aad, castagnoli), castagnoli, data) != want || !bytes.Equal(unit[len(unit)-32:len(unit)-8], make([]byte, 24)) {
			return nil, errors.New("checksum")
		}
		return append(clear, data...), nil
	case label[2] == 1 && slot == 1<<15|1: // generation 1 is odd; epoch 1 is the only one of the vectors
		info := "latchkey page key v1\x00" + string(unhex(v.FileID)) + string(label[:2])
		dek := unhex(v.DEK)
		k, err := hkdf.Key(sha256.New, dek, unhex(v.Salt), info, len(dek))
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCMWithRandomNonce(block) // AES-GCM; it takes the nonce from before the ciphertext
		if err != nil {
			return nil, err
		}
		plain, err := gcm.Open(nil, nil, unit[:len(unit)-4], aad)
		return append(clear, plain...), err
	}
	return nil, errors.New("label")
}

func makeVectors(t *testing.T) []vector {
	base := vector{
		FileID: "000102030405060708090a0b0c0d0e0f", Salt: "101112131415161718191a1b1c1d1e1f",
		DEK: "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
	}
	var out []vector
	add := func(v vector, name, kind string, number uint64, unit, plain []byte) vector {
		v.Name, v.Kind, v.Number, v.Valid = name, kind, number, plain != nil
		v.Unit, v.Plain = base64.StdEncoding.EncodeToString(unit), base64.StdEncoding.EncodeToString(plain)
		out = append(out, v)
		return v
	}
	page := make([]byte, pagecipher.PageSize)
	for i := range pagecipher.Payload {
		page[i] = byte(i * i >> 3)
	}
	var frame pagecipher.FrameBuf
	copy(frame[:], page[100:])
	head := page[200 : 200+pagecipher.WALHeader]
	changed := func(unit []byte, at int, by byte) []byte {
		b := bytes.Clone(unit)
		b[at] ^= by
		return b
	}
	negatives := func(v vector, kind string, number uint64, unit []byte) {
		n := len(unit)
		for _, c := range []struct {
			name string
			unit []byte
		}{
			{"first byte changed", changed(unit, 0, 1)},
			{"content changed", changed(unit, n/2, 0x80)},
			{"tag or checksum changed", changed(unit, n-6, 1)},
			{"another slot", changed(unit, n-3, 2)},
			{"another generation", changed(unit, n-4, 0x80)},
			{"flags exchanged", changed(unit, n-2, 3)},
			{"spare byte set", changed(unit, n-1, 1)},
		} {
			add(v, kind+", "+v.Name+": "+c.name, kind, number, c.unit, nil)
		}
		other := v
		other.FileID = "ff0102030405060708090a0b0c0d0e0f"
		add(other, kind+", "+v.Name+": of another file", kind, number, unit, nil)
		if kind != "log-header" {
			add(v, kind+", "+v.Name+": in another place", kind, number+1, unit, nil)
		}
	}
	for _, how := range []string{"AES_128", "AES_192", "AES_256", "plain"} {
		v := base
		v.DEK = v.DEK[:map[string]int{"AES_128": 32, "AES_192": 48, "AES_256": 64, "plain": 64}[how]]
		span := pagecipher.Span{First: 1, Salt: [16]byte(unhex(v.Salt))}
		r := pagecipher.NewRing(pagecipher.FileID(unhex(v.FileID)), func(g uint32) (pagecipher.DEK, error) {
			return pagecipher.DEK{Generation: g, Next: 2, Spans: []pagecipher.Span{span}}, nil
		})
		must(t, r.Add(pagecipher.DEK{Generation: 1, Key: secret.New(unhex(v.DEK)), Next: 1}))
		r.SealWith(1, how == "plain")
		c := pagecipher.NewCodec(r)
		unit := make([]byte, pagecipher.DiskFrame)
		must(t, c.SealPage(unit, page, 7))
		p := bytes.Clone(unit[:pagecipher.PageSize])
		add(v, "page, "+how, "page", 7, p, page[:pagecipher.Payload])
		must(t, c.SealFrame(unit, &frame, 9))
		f := bytes.Clone(unit)
		add(v, "frame, "+how, "frame", 9, f, frame[:])
		must(t, c.SealWALHeader(unit, head))
		h := bytes.Clone(unit[:pagecipher.DiskWALHeader])
		add(v, "log header, "+how, "log-header", 0, h, head)
		if how == "AES_256" || how == "plain" {
			v.Name = how
			negatives(v, "page", 7, p)
			negatives(v, "log-header", 0, h)
		}
		if how == "AES_256" {
			negatives(v, "frame", 9, f)
		}
	}
	add(base, "page: never written", "page", 7, make([]byte, pagecipher.PageSize), nil)
	hd := &header.Header{
		Seq: 5, FileID: [16]byte(unhex(base.FileID)), State: header.Encrypted, Filled: 3, Created: 1, Regenerated: 2, Modified: 3, Set: 4,
		Keys: []header.Key{{
			Generation: 1, Algorithm: header.AES256, NextEpoch: 2, Protector: protector1.Thumbprint, URI: protector1.URI,
			Spans: []pagecipher.Span{{First: 1, Salt: [16]byte(unhex(base.Salt))}}, Created: 1,
		}},
	}
	hd.Keys[0].Wrapped.Algorithm, hd.Keys[0].Wrapped.Blob = "RSA-OAEP-256", bytes.Repeat([]byte{0xAB}, 256)
	b, err := hd.Encode(unhex(base.DEK))
	must(t, err)
	want := fmt.Appendf(nil, "5 ENCRYPTED 3 %v", protector1.Thumbprint)
	add(base, "header", "header", 0, b, want)
	add(base, "header: checksum changed", "header", 0, changed(b, len(b)-1, 1), nil)
	add(base, "header: content changed", "header", 0, changed(b, 60, 1), nil)
	add(base, "header: cut", "header", 0, b[:len(b)-1], nil)
	forged := changed(b, len(b)-10, 1)
	binary.BigEndian.PutUint32(forged[len(b)-4:], crc32.Checksum(forged[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)))
	add(base, "header: right checksum, wrong authentication", "header", 0, forged, nil)
	tab := scan.Table{ID: [16]byte(unhex(base.FileID)), Round: 3, Pages: []uint32{1, 2, 65}}
	j := tab.Encode()
	add(base, "journal", "journal", 0, j, []byte("3 [1 2 65]"))
	add(base, "journal: changed", "journal", 0, changed(j, 41, 1), nil)
	add(base, "journal: cut", "journal", 0, j[:len(j)-1], nil)
	return out
}
