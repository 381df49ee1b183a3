package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func TestBill(t *testing.T) {
	program, err := os.Executable() // a Go program with modules
	if err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(library, []byte("C"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, c := range []struct {
		out   *bytes.Buffer
		files []string
	}{{&first, []string{program, library}}, {&second, []string{library, program}}} {
		if err := run(append([]string{"-version", "1.2.3", "-time", "2026-01-02T03:04:05Z"}, c.files...), c.out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same files give two bills")
	}
	var b cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(first.Bytes()), cdx.BOMFileFormatJSON).Decode(&b); err != nil {
		t.Fatal(err)
	}
	have := map[string]cdx.Component{}
	for _, c := range *b.Components {
		have[c.Name] = c
	}
	sum := sha256.Sum256([]byte("C"))
	if c := have["lib.so"]; c.Hashes == nil || (*c.Hashes)[0].Value != hex.EncodeToString(sum[:]) {
		t.Errorf("the library is %+v", c)
	}
	for _, module := range []string{"std", "github.com/google/uuid", "github.com/CycloneDX/cyclonedx-go"} {
		if c := have[module]; c.Version == "" || !strings.HasPrefix(c.PackageURL, "pkg:golang/"+module+"@") {
			t.Errorf("%s is %+v", module, c)
		}
	}
	if c := have["github.com/google/uuid"]; c.Properties == nil || !strings.HasPrefix((*c.Properties)[0].Value, "h1:") {
		t.Errorf("a module without its sum: %+v", c)
	}

	stranger := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(stranger, []byte("#!/bin/sh"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"-version", "1", "-time", "x"}, {"-version", "1", "-time", "x", stranger}, {"-version", "1", "-time", "x", "none"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
