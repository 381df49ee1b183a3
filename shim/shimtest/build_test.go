package shimtest_test

import (
	"bytes"
	"crypto/sha1"
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exports are the interface, in the order of their numbers.
func exports() []string {
	return []string{
		"SqlCryptInitializeProvider", "SqlCryptFreeProvider", "SqlCryptOpenSession", "SqlCryptCloseSession", "SqlCryptGetProviderInfo",
		"SqlCryptGetNextAlgorithmId", "SqlCryptGetAlgorithmInfo", "SqlCryptCreateKey", "SqlCryptDropKey", "SqlCryptGetNextKeyId",
		"SqlCryptGetKeyInfoByKeyId", "SqlCryptGetKeyInfoByThumb", "SqlCryptGetKeyInfoByName", "SqlCryptExportKey", "SqlCryptImportKey",
		"SqlCryptEncrypt", "SqlCryptDecrypt",
	}
}

// TestExportsLinux: the .so exports the interface and nothing else, and needs the C library alone.
func TestExportsLinux(t *testing.T) {
	f, err := elf.Open(build(t, "so", "liblatchkey-ekm.so"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF {
			got = append(got, s.Name)
		}
	}
	want := exports()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exports (-want +got):\n%s", diff)
	}
	libs, err := f.ImportedLibraries()
	if diff := cmp.Diff([]string{"libc.so.6"}, libs); err != nil || diff != "" {
		t.Errorf("libraries, %v (-want +got):\n%s", err, diff)
	}
}

// TestExportsWindows: the same of the DLL, which needs two libraries of the system and no C runtime.
func TestExportsWindows(t *testing.T) {
	path := build(t, "dll", "latchkey-ekm.dll")
	f, err := pe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if diff := cmp.Diff(exports(), peExports(t, f)); diff != "" {
		t.Errorf("exports by number (-want +got):\n%s", diff)
	}
	imports, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range imports {
		if lib := strings.ToUpper(i[strings.LastIndex(i, ":")+1:]); lib != "KERNEL32.DLL" && lib != "ADVAPI32.DLL" {
			t.Errorf("import %s: a library that every Windows process has, or none", i)
		}
	}
	header := f.OptionalHeader.(*pe.OptionalHeader64)
	const want = pe.IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA | pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT
	if header.DllCharacteristics&want != want {
		t.Errorf("characteristics %#x lack some of %#x", header.DllCharacteristics, want)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 32<<10 {
		t.Errorf("the DLL has %d bytes, %v", info.Size(), err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The SID of NT SERVICE\LatchkeyAgent, as Windows makes those of services.
	sid := append([]byte{1, 6, 0, 0, 0, 0, 0, 5, 80, 0, 0, 0}, func() []byte { h := sha1.Sum(utf16le("LATCHKEYAGENT")); return h[:] }()...)
	if !bytes.Contains(whole, sid) {
		t.Error("the SID of the agent's service is not there")
	}
	version := utf16le("1.2.3")
	if !bytes.Contains(whole, version) || !bytes.Contains(whole, utf16le("VS_VERSION_INFO")) || !bytes.Contains(whole, utf16le("%1")) {
		t.Error("the resources with version and messages are not there")
	}
}

func utf16le(s string) []byte {
	var b []byte
	for _, c := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(c))
	}
	return b
}

// peExports reads the export table: names in the order of their ordinals, which begin at 1.
func peExports(t *testing.T, f *pe.File) []string {
	t.Helper()
	dir := f.OptionalHeader.(*pe.OptionalHeader64).DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	at := func(rva uint32) []byte {
		for _, s := range f.Sections {
			if rva >= s.VirtualAddress && rva < s.VirtualAddress+s.Size {
				data, err := s.Data()
				if err != nil {
					t.Fatal(err)
				}
				return data[rva-s.VirtualAddress:]
			}
		}
		t.Fatalf("address %#x is in no section", rva)
		return nil
	}
	le := binary.LittleEndian
	table := at(dir.VirtualAddress)
	names := make([]string, le.Uint32(table[20:]))
	for i := range le.Uint32(table[24:]) {
		name, _, _ := bytes.Cut(at(le.Uint32(at(le.Uint32(table[32:]))[4*i:])), []byte{0})
		names[le.Uint16(at(le.Uint32(table[36:]))[2*i:])] = string(name)
	}
	if base := le.Uint32(table[16:]); base != 1 {
		t.Errorf("ordinals begin at %d", base)
	}
	return names
}

// TestReproducible: the same sources give the same bytes, wherever they lie.
func TestReproducible(t *testing.T) {
	t.Parallel()
	files := map[string]string{"so": "liblatchkey-ekm.so", "dll": "latchkey-ekm.dll"}
	elsewhere := t.TempDir()
	if out, err := exec.Command("cp", "-r", "..", filepath.Join(elsewhere, "shim")).CombinedOutput(); err != nil {
		t.Fatalf("copying the sources: %v\n%s", err, out)
	}
	for target, file := range files {
		first, err := os.ReadFile(build(t, target, file))
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(elsewhere, "out")
		if text, err := exec.Command("make", "-C", filepath.Join(elsewhere, "shim"), "OUT="+out, "VERSION=1.2.3", target).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		second, err := os.ReadFile(filepath.Join(out, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two builds differ", file)
		}
	}
}

// TestMissingExport: a library that lacks a function is refused with Msg 33085 and the function's number; a file that is none with 33027.
func TestMissingExport(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(build(t, "so", "liblatchkey-ekm.so"))
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, nil, build(t, "host", "ekmhost"))
	for i, name := range exports() {
		path := filepath.Join(t.TempDir(), "lib.so")
		// The name is in the table of dynamic strings once; another name of the same length is another symbol.
		damaged := bytes.Replace(whole, []byte("\x00"+name+"\x00"), []byte("\x00X"+name[1:]+"\x00"), 1)
		if bytes.Equal(damaged, whole) {
			t.Fatalf("%s is not in the file", name)
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := h.do("create-provider", path); r.msg != 33085 || r.int("state") != i+1 {
			t.Errorf("without %s: %s", name, r.text)
		}
	}
	none := filepath.Join(t.TempDir(), "none.so")
	if err := os.WriteFile(none, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := h.do("create-provider", none); r.msg != 33027 || r.fields["why"] == "" {
		t.Errorf("a file that is no library: %s", r.text)
	}
}
