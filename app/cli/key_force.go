package cli

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/akv"
)

// force are the flags that do what a vault of Latchkey's refuses because a server needs the key.
type force struct {
	on     bool
	reason string
}

func (o *force) flags(f *flag.FlagSet) {
	f.BoolVar(&o.on, "force", false, "do it though a registered server still needs the key, or a key of the vault; needs --reason")
	f.StringVar(&o.reason, "reason", "", "`TEXT` for the vault's audit log")
}

// why is the reason; "" without --force.
func (o *force) why() (string, error) {
	reason := strings.TrimSpace(o.reason)
	switch {
	case o.on && reason == "":
		return "", usagef("--force needs --reason TEXT, which the vault's audit log keeps")
	case !o.on && reason != "":
		return "", usagef("--reason goes with --force")
	case len(reason) > akv.MaxForceReason || strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", usagef("--reason has at most %d printable ASCII characters", akv.MaxForceReason)
	}
	return reason, nil
}

// context makes calls with it forced, if the flags say so.
func (o *force) context(ctx context.Context) (context.Context, error) {
	reason, err := o.why()
	if err != nil || reason == "" {
		return ctx, err
	}
	return policy.WithHTTPHeader(ctx, http.Header{akv.HeaderForceReason: {reason}}), nil
}

func keyDisableCommand() *command {
	var t keyTarget
	var o force
	var name, version string
	return &command{
		name: "disable", short: "switch a version of a key off",
		long: `A vault of Latchkey's refuses it while a registered server needs the version (latchkey key dependents): rotate the databases first (latchkey rotate), and let latchkey retire
show that nothing needs it. With --force --reason TEXT it is done all the same, and the audit log keeps the reason. latchkey key update --enabled=true switches it on again.`,
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			f.StringVar(&version, "version", "", "the `VERSION`; default the newest")
			o.flags(f)
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			ctx, err := o.context(ctx)
			if err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			off := false
			r, err := client.UpdateKey(ctx, name, version, azkeys.UpdateKeyParameters{KeyAttributes: &azkeys.KeyAttributes{Enabled: &off}}, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("disabling key %q", name), err)
			}
			return printKey(c.Stdout, t.format, r.KeyBundle)
		},
	}
}

func keyDeleteCommand() *command {
	var t keyTarget
	var o force
	var name string
	return &command{
		name: "delete", short: "delete a key; it can be recovered until it is purged",
		flags: func(f *flag.FlagSet) { t.flags(f); keyName(f, &name); o.flags(f) },
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			ctx, err := o.context(ctx)
			if err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.DeleteKey(ctx, name, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("deleting key %q", name), err)
			}
			return printKey(c.Stdout, t.format, r.DeletedKey)
		},
	}
}
