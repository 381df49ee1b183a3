package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/internal/fsys"
)

// once is a client that does not repeat what failed.
func (s *server) once(t *testing.T) *azkeys.Client {
	t.Helper()
	r := s.info(t)
	h, err := r.HTTPClient(fsys.OS{})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := r.ReadSecrets(fsys.OS{})
	if err != nil {
		t.Fatal(err)
	}
	o := azcore.ClientOptions{Transport: h, Retry: policy.RetryOptions{MaxRetries: -1}}
	cred, err := azidentity.NewClientSecretCredential(r.TenantID, r.ClientID, string(secrets.ClientSecret.Expose()), &azidentity.ClientSecretCredentialOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	c, err := azkeys.NewClient(r.VaultURL, cred, &azkeys.ClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func makeKey(ctx context.Context, c *azkeys.Client, name string) (string, error) {
	r, err := c.CreateKey(ctx, name, azkeys.CreateKeyParameters{Kty: ptr(azkeys.KeyTypeEC)}, nil)
	if err != nil {
		return "", err
	}
	return r.Key.KID.Version(), nil
}

// allThere checks that every acknowledged key works, and that no listed key is half a key.
func allThere(t *testing.T, c *azkeys.Client, acked map[string]string) {
	t.Helper()
	for name, version := range acked {
		if err := works(t.Context(), c, name, version); err != nil {
			t.Errorf("acknowledged: %v", err)
		}
	}
	for p := c.NewListKeyPropertiesPager(nil); p.More(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.Value {
			if err := works(t.Context(), c, k.KID.Name(), ""); err != nil {
				t.Errorf("listed: %v", err)
			}
		}
	}
}

// A disk that fills up loses nothing that was acknowledged, says so, and works again by itself when there is room.
func TestFullDisk(t *testing.T) {
	need(t, "mount", "umount")
	mount := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m", "latchkey-e2e", mount).CombinedOutput(); err != nil {
		lack(t, fmt.Sprintf("a small file system cannot be mounted (root is needed): %v: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", mount).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	s, err := startServer(filepath.Join(mount, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = s.cmd.Process.Kill()
		<-s.done
	}()
	c := s.once(t)
	acked := make(map[string]string)
	for n := range 5 {
		name := fmt.Sprintf("before-%d", n)
		if acked[name], err = makeKey(t.Context(), c, name); err != nil {
			t.Fatal(err)
		}
	}
	filler := filepath.Join(mount, "filler")
	fill(t, filler)
	refused := 0
	for n := range 2000 {
		name := fmt.Sprintf("full-%d", n)
		version, err := makeKey(t.Context(), c, name)
		if err == nil {
			acked[name] = version
			continue
		}
		var resp *azcore.ResponseError
		if !asResponse(err, &resp) || resp.StatusCode < 500 {
			t.Fatalf("a full disk answers %v", err)
		}
		if refused++; refused == 5 {
			break
		}
	}
	if refused < 5 {
		t.Fatal("the disk never was full")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	// No restart: it works again as soon as there is room.
	var last error
	await(t, "it works again", func() bool {
		version, err := makeKey(t.Context(), c, "after")
		if err == nil {
			acked["after"] = version
		} else if last == nil || last.Error() != err.Error() {
			last = err
			t.Logf("there is room again: %v", err)
		}
		return err == nil
	})
	allThere(t, c, acked)
	s.stop(t)
	again, err := startServer(filepath.Join(mount, "data"))
	if err != nil {
		t.Fatal(err)
	}
	allThere(t, again.keys(t), acked)
	again.stop(t)
	if out, err := exec.Command(program, "vault", "audit", "verify", "--data", again.dir).CombinedOutput(); err != nil {
		t.Errorf("the audit log after a full disk: %v\n%s", err, out)
	}
}

// fill writes until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10} {
		for b := make([]byte, size); ; {
			if _, err := f.Write(b); err != nil {
				break
			}
		}
	}
}

// A disk whose sync fails acknowledges nothing: nobody knows what such a disk holds.
func TestFailedSync(t *testing.T) {
	need(t, "strace")
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir)
	c := s.once(t)
	acked := make(map[string]string)
	version, err := makeKey(t.Context(), c, "before")
	if err != nil {
		t.Fatal(err)
	}
	acked["before"] = version
	trace := exec.Command("strace", "-f", "-q", "-o", os.DevNull, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-p", fmt.Sprint(s.cmd.Process.Pid))
	said := &lockedBuffer{}
	trace.Stderr = said
	if err := trace.Start(); err != nil {
		t.Fatal(err)
	}
	waitTraced(t, s.cmd.Process.Pid, said)
	refused := 0
	for n := range 20 {
		name := fmt.Sprintf("broken-%d", n)
		if version, err := makeKey(t.Context(), c, name); err == nil {
			// Nothing was synced since: an acknowledgement would be a lie.
			t.Errorf("%s/%s was acknowledged while every sync fails", name, version)
		} else {
			refused++
		}
	}
	_ = trace.Process.Signal(os.Interrupt)
	_ = trace.Wait()
	if refused == 0 {
		t.Fatal("no sync failed")
	}
	s.kill(t)
	again := up(t, dir)
	c = again.keys(t)
	allThere(t, c, acked)
	if _, err := makeKey(t.Context(), c, "after"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	again.stop(t)
	if out, err := exec.Command(program, "vault", "audit", "verify", "--data", dir).CombinedOutput(); err != nil {
		t.Errorf("the audit log after failed syncs: %v\n%s", err, out)
	}
}

// waitTraced waits until every thread of a process is traced, which strace does not tell.
func waitTraced(t *testing.T, pid int, said *lockedBuffer) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !allTraced(pid) {
		if text := said.String(); strings.Contains(text, "attach: ") || time.Now().After(deadline) {
			lack(t, "strace cannot attach: "+text)
		}
		waitALittle()
	}
}
