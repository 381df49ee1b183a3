package frame_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/agent/frame"
	"latchkey/ekm"
)

var update = flag.Bool("update", false, "write testdata/vectors.txt instead of comparing it")

// vector is a whole frame, with the values that are in it for whoever tests another implementation.
type vector struct {
	kind string // ">" request, "<" response, "!>" and "!<" ones that must be refused
	name string
	note string
	b    []byte
}

func request(op frame.Op, id, deadline uint32, body []byte) []byte {
	return append(frame.Request{Length: uint32(len(body)), Op: op, ID: id, Deadline: deadline}.Append(nil), body...)
}

func answer(op frame.Op, flags uint16, id uint32, code int32, body []byte) []byte {
	return append(frame.Response{Length: uint32(len(body)), Op: op, Flags: flags, ID: id, Code: code}.Append(nil), body...)
}

func wide(s string) []byte {
	b, err := frame.Wide(s)
	if err != nil {
		panic(err)
	}
	return b
}

func run(n int, from byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func info() ekm.ProviderInfo {
	return ekm.ProviderInfo{
		Name: "Latchkey EKM Provider", GUID: [16]byte{0x6c, 0x61, 0x74, 0x63, 0x68, 0x6b, 0x4e, 0x79, 0x8e, 0x4b, 0x4d, 0x31, 0x2e, 0x30, 0x00, 0x01},
		Version: ekm.Version{Major: 1}, API: ekm.Version{Major: 1, Minor: 1}, Auth: ekm.AuthBasic, Asymmetric: ekm.Supported,
		ThumbprintLen: ekm.ThumbprintLen, AcceptsKeyName: true,
	}
}

func algorithms() []ekm.Algorithm {
	return []ekm.Algorithm{
		{ID: 1, Tag: "RSA_2048", Bits: 2048, Asymmetric: true},
		{ID: 2, Tag: "RSA_3072", Bits: 3072, Asymmetric: true},
		{ID: 3, Tag: "RSA_4096", Bits: 4096, Asymmetric: true},
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func vectors() []vector {
	thumb := run(20, 0x01)
	key := frame.Key{Algorithm: 1, Flags: 1, Bits: 2048, Size: 256, Thumb: thumb, Name: wide("ContosoRSAKey0"), URI: "https://contosovault.vault.azure.net/keys/ContosoRSAKey0/1"}
	listed := key
	listed.ID = 7
	blob, err := frame.PublicBlobOf(ekm.PublicKey{N: append([]byte{0xC1}, run(255, 0x10)...), E: 65537})
	if err != nil {
		panic(err)
	}
	open := frame.OpenRequest{Flags: frame.OpenCredential, Identity: wide("ContosoVault"), Secret: wide("EF5C8E094D2A4A769998D93440D8115Dsecret")}
	again := open
	again.Flags |= frame.OpenAgain
	cut := request(frame.Open, 2, 35000, open.Append(nil))
	long := request(frame.KeyByName, 3, 35000, nil)
	copy(long, []byte{0x01, 0x80, 0, 0}) // 32,769
	wrongID := answer(frame.Unwrap, 0, 9, 0, frame.Plain{Plain: run(32, 0x80)}.Append(nil))
	return []vector{
		{">", "hello", "versions 1 to 1, features 0, client \"shim 1.0\", id 1, deadline 5000", request(frame.Hello, 1, 5000, frame.HelloRequest{Lowest: 1, Highest: 1, Client: "shim 1.0"}.Append(nil))},
		{"<", "hello", "version 1, max body 32768, max deadline 60000, instance a0..af, agent \"1.0\"", answer(frame.Hello, 0, 1, 0, frame.HelloResponse{Version: 1, MaxBody: 32768, MaxDeadline: 60000, Instance: [16]byte(run(16, 0xa0)), Agent: "1.0"}.Append(nil))},
		{"<", "hello-refused", "code 5007, NOT_DONE, class 3, text \"account 1001 is not allowed\"", answer(frame.Hello, frame.FlagNotDone, 1, 5007, frame.Failure{Class: 3, Text: "account 1001 is not allowed"}.Append(nil))},
		{">", "info", "id 2, deadline 0", request(frame.Info, 2, 0, nil)},
		{"<", "info", "what the connector says: guid 6374616c-6b68-794e-8e4b-4d312e300001 as bytes in memory, provider 1.0.0.0, API 1.1.0.0, auth 1, sym 0, asym 1, max thumb 20, accepts names", answer(frame.Info, 0, 2, 0, must(frame.AppendInfo(nil, info())))},
		{">", "algorithms", "id 3", request(frame.Algorithms, 3, 5000, nil)},
		{"<", "algorithms", "1 RSA_2048, 2 RSA_3072, 3 RSA_4096", answer(frame.Algorithms, 0, 3, 0, must(frame.AppendAlgorithms(nil, algorithms())))},
		{">", "open", "id 2, deadline 35000, CREDENTIAL, identity \"ContosoVault\", secret \"EF5C8E094D2A4A769998D93440D8115Dsecret\"", request(frame.Open, 2, 35000, open.Append(nil))},
		{">", "open-again", "the same with REOPEN", request(frame.Open, 2, 35000, again.Append(nil))},
		{">", "open-nobody", "without credential", request(frame.Open, 2, 35000, frame.OpenRequest{}.Append(nil))},
		{"<", "open", "", answer(frame.Open, 0, 2, 0, nil)},
		{"<", "open-failed", "code 3303, class 5, status 401, text \"bad secret\", reason \"AADSTS7000215\"", answer(frame.Open, 0, 2, 3303, frame.Failure{Class: 5, Status: 401, Text: "bad secret", Reason: "AADSTS7000215"}.Append(nil))},
		{"<", "open-busy", "code 5006, NOT_DONE, class 2, retry after 250 ms", answer(frame.Open, frame.FlagNotDone, 2, 5006, frame.Failure{Class: 2, RetryAfter: 250, Text: "1000 sessions are open"}.Append(nil))},
		{">", "key-by-name", "id 3, \"ContosoRSAKey0\"", request(frame.KeyByName, 3, 35000, frame.NameRequest{Name: wide("ContosoRSAKey0")}.Append(nil))},
		{"<", "key-by-name", "id 0, alg 1, flags 1, 2048 bits, 256 bytes, thumb 01..14, the name, a URI", answer(frame.KeyByName, 0, 3, 0, key.Append(nil))},
		{"<", "key-by-name-going", "the same with GOING", answer(frame.KeyByName, frame.FlagGoing, 3, 0, key.Append(nil))},
		{">", "key-by-thumb", "id 4, thumb 01..14", request(frame.KeyByThumb, 4, 35000, frame.Thumb{Thumbprint: thumb}.Append(nil))},
		{"<", "key-by-thumb", "", answer(frame.KeyByThumb, 0, 4, 0, key.Append(nil))},
		{"<", "key-missing", "code 3112, class 6, status 404", answer(frame.KeyByThumb, 0, 4, 3112, frame.Failure{Class: 6, Status: 404, Text: "no such key", Reason: "KeyNotFound"}.Append(nil))},
		{">", "key-next", "id 5, after 0", request(frame.KeyNext, 5, 35000, frame.Number{}.Append(nil))},
		{"<", "key-next", "id 7", answer(frame.KeyNext, 0, 5, 0, listed.Append(nil))},
		{"<", "key-end", "code 4", answer(frame.KeyNext, 0, 5, 4, frame.Failure{Class: 6, Text: "no more keys"}.Append(nil))},
		{">", "key-by-id", "id 6, key 7", request(frame.KeyByID, 6, 35000, frame.Number{Value: 7}.Append(nil))},
		{">", "public-key", "id 7, thumb 01..14", request(frame.PublicKey, 7, 35000, frame.Thumb{Thumbprint: thumb}.Append(nil))},
		{"<", "public-key", "283 bytes: RSA1, 2048, 3, 256, 0, 0, 010001, c1 10 11 .. ff 00 .. 0e", answer(frame.PublicKey, 0, 7, 0, blob.Append(nil))},
		{">", "wrap", "id 8, thumb 01..14, plain 80..9f", request(frame.Wrap, 8, 35000, frame.WrapRequest{Thumb: thumb, Plain: run(32, 0x80)}.Append(nil))},
		{"<", "wrap", "256 bytes 00..ff, RSA-OAEP-256", answer(frame.Wrap, 0, 8, 0, frame.Wrapped{Blob: run(256, 0), Algorithm: "RSA-OAEP-256"}.Append(nil))},
		{">", "unwrap", "id 9, thumb 01..14, blob 00..ff, algorithm \"\"", request(frame.Unwrap, 9, 35000, frame.UnwrapRequest{Thumb: thumb, Blob: run(256, 0)}.Append(nil))},
		{"<", "unwrap", "plain 80..9f", answer(frame.Unwrap, 0, 9, 0, frame.Plain{Plain: run(32, 0x80)}.Append(nil))},
		{"<", "unwrap-longer", "the same from a later agent that added four bytes: they are ignored", answer(frame.Unwrap, 0, 9, 0, append(frame.Plain{Plain: run(32, 0x80)}.Append(nil), 1, 2, 3, 4))},
		{">", "create-key", "id 10, alg 1, flags 0, \"New\"", request(frame.CreateKey, 10, 35000, frame.CreateRequest{Algorithm: 1, Name: wide("New")}.Append(nil))},
		{"<", "create-key-refused", "code 3, NOT_DONE", answer(frame.CreateKey, frame.FlagNotDone, 10, 3, frame.Failure{Class: 7, Text: "not supported"}.Append(nil))},
		{">", "drop-key", "id 11, thumb 01..14", request(frame.DropKey, 11, 35000, frame.Thumb{Thumbprint: thumb}.Append(nil))},
		{">", "import-key", "id 12, blob type 1, flags 0, \"New\", no decryptor, blob 01 02 03", request(frame.ImportKey, 12, 35000, frame.ImportRequest{BlobType: 1, Name: wide("New"), Blob: []byte{1, 2, 3}}.Append(nil))},
		{">", "ping", "id 13, deadline 1000", request(frame.Ping, 13, 1000, nil)},
		{"<", "ping", "uptime 65536, 3 connections, 2 sessions, 1 call, going", answer(frame.Ping, frame.FlagGoing, 13, 0, frame.PingResponse{Uptime: 65536, Connections: 3, Sessions: 2, Running: 1, Going: true}.Append(nil))},
		{">", "close", "id 14, deadline 5000", request(frame.Close, 14, 5000, nil)},
		{"<", "close", "", answer(frame.Close, 0, 14, 0, nil)},

		{"!>", "flags", "a flag that is not known", frame.Request{Op: frame.Info, Flags: 2, ID: 1}.Append(nil)},
		{"!>", "length", "a body of 32,769 bytes", long},
		{"!>", "response-bit", "a response where a request belongs", answer(frame.Info, 0, 1, 0, nil)},
		{"!>", "open-cut", "the last byte is missing", frameOf(cut[:len(cut)-1])},
		{"!>", "open-odd", "an identity of 3 bytes", request(frame.Open, 2, 0, []byte{1, 0, 0, 0, 3, 0, 0, 0, 65, 0, 66, 0, 0, 0, 0, 0, 0, 0, 0})},
		{"!>", "open-flag", "a secret without the flag CREDENTIAL", request(frame.Open, 2, 0, frame.OpenRequest{Secret: wide("x")}.Append(nil))},
		{"!>", "thumb-empty", "", request(frame.KeyByThumb, 4, 0, []byte{0, 0, 0, 0})},
		{"!>", "thumb-33", "", request(frame.KeyByThumb, 4, 0, frame.Thumb{Thumbprint: run(33, 0)}.Append(nil))},
		{"!>", "thumb-follows", "one byte too many", request(frame.KeyByThumb, 4, 0, append(frame.Thumb{Thumbprint: thumb}.Append(nil), 0))},
		{"!>", "length-wraps", "an inner length of 0xffffffff", request(frame.KeyByThumb, 4, 0, []byte{0xff, 0xff, 0xff, 0xff, 1})},
		{"!>", "hello-magic", "", request(frame.Hello, 1, 0, []byte("LATCHKEX\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"))},
		{"!<", "unwrap-id", "as an answer to unwrap with id 8", wrongID},
		{"!<", "unwrap-cut", "as an answer to unwrap with id 9: the plain text says 33 bytes, 32 are there", answer(frame.Unwrap, 0, 9, 0, append([]byte{33, 0, 0, 0}, run(32, 0)...))},
		{"!<", "wrap-long", "as an answer to wrap with id 8: a blob of 2,049 bytes", answer(frame.Wrap, 0, 8, 0, frame.Wrapped{Blob: make([]byte, 2049)}.Append(nil))},
	}
}

func frameOf(b []byte) []byte { frame.SetLength(b); return b }

func text(vs []vector) string {
	var out strings.Builder
	out.WriteString("# Frames of docs/formats/agent-frames.md, whole: header and body in hexadecimal.\n")
	out.WriteString("# \"> NAME HEX\" is a request, \"< NAME HEX\" a response; \"!>\" and \"!<\" must be refused. A comment says what is in the next line.\n")
	for _, v := range vs {
		if v.note != "" {
			fmt.Fprintf(&out, "# %s\n", v.note)
		}
		fmt.Fprintf(&out, "%s %s %s\n", v.kind, v.name, hex.EncodeToString(v.b))
	}
	return out.String()
}

// The file is what other implementations test against: this package still makes and reads exactly these bytes.
func TestVectors(t *testing.T) {
	file := filepath.Join("testdata", "vectors.txt")
	want := text(vectors())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s does not hold what this package writes; if the protocol grew, go test -update writes it", file)
	}
	for line := range strings.Lines(string(have)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatalf("%s: %v", f[1], err)
		}
		switch f[0] {
		case ">":
			again, err := reencodeRequest(b)
			if err != nil {
				t.Errorf("%s %s: %v", f[0], f[1], err)
			} else if !bytes.Equal(again, b) {
				t.Errorf("%s %s: read and written again it is\n%x, was\n%x", f[0], f[1], again, b)
			}
		case "!>":
			if _, err := reencodeRequest(b); err == nil {
				t.Errorf("%s %s was taken", f[0], f[1])
			}
		case "<", "!<":
			op := frame.Op(uint16(b[4]) | uint16(b[5]&0x7f)<<8)
			id := map[string]uint32{"unwrap-id": 8}[f[1]]
			if id == 0 {
				id = uint32(b[8])
			}
			again, err := reencodeResponse(b, frame.Request{Op: op, ID: id})
			switch {
			case f[0] == "!<" && err == nil:
				t.Errorf("%s %s was taken", f[0], f[1])
			case f[0] == "<" && err != nil:
				t.Errorf("%s %s: %v", f[0], f[1], err)
			case f[0] == "<" && !bytes.Equal(again, b) && f[1] != "unwrap-longer":
				t.Errorf("%s %s: read and written again it is\n%x, was\n%x", f[0], f[1], again, b)
			}
		}
	}
}
