package agentd_test

import (
	"testing"

	"latchkey/app/agentd"
)

// The library has the same account as numbers (shim/os_windows.c); NT SERVICE\TrustedInstaller is one that every Windows has.
func TestServiceSID(t *testing.T) {
	for name, want := range map[string]string{
		"TrustedInstaller": "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
		agentd.ServiceName: "S-1-5-80-4030716322-3287605166-1839382394-3348317917-496240385",
	} {
		if got := agentd.ServiceSID(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
