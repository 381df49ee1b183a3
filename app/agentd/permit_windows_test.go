package agentd_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"latchkey/app/agentd"
)

func TestProtectDirectory(t *testing.T) {
	dir, err := os.MkdirTemp("", "latchkey-protect")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // Wine cannot always remove what has an access list
	if ok, err := agentd.DirectoryProtected(dir); err != nil || ok {
		t.Errorf("before: %v, %v", ok, err)
	}
	if err := agentd.ProtectDirectory(dir); err != nil {
		t.Fatal(err)
	}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the list is %s", sd)
	if s := sd.String(); strings.Contains(s, ";;;WD)") || strings.Contains(s, ";;;BU)") {
		if os.Getenv("WINEPREFIX") == "" {
			t.Errorf("all users may: %s", s)
		} else {
			t.Logf("Wine keeps access lists as Unix permissions: %s", s)
		}
	}
	if ok, err := agentd.DirectoryProtected(dir + `\none`); err != nil || ok {
		t.Errorf("of what is not there: %v, %v", ok, err)
	}
}

func TestGrantKeymap(t *testing.T) {
	for range 2 { // again is the same
		if err := agentd.GrantKeymap(); err != nil {
			t.Fatal(err)
		}
	}
	ok, err := agentd.KeymapGranted()
	if err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestMessageFile(t *testing.T) {
	was, err := agentd.MessageFile()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := agentd.SetMessageFile(was); err != nil {
			t.Error(err)
		}
	})
	const dll = `C:\Program Files\Latchkey\latchkey-ekm.dll`
	if err := agentd.SetMessageFile(dll); err != nil {
		t.Fatal(err)
	}
	if got, err := agentd.MessageFile(); err != nil || got != dll {
		t.Errorf("%q, %v", got, err)
	}
	if err := agentd.SetMessageFile(""); err != nil {
		t.Fatal(err)
	}
	if got, err := agentd.MessageFile(); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}
