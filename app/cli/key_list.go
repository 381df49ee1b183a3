package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/ekm"
)

func keyShowCommand() *command {
	var t keyTarget
	var name, version string
	return &command{
		name: "show", short: "show a key's public half and state",
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			f.StringVar(&version, "version", "", "the `VERSION`; default the newest")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.GetKey(ctx, name, version, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("getting key %q", name), err)
			}
			return printKey(c.Stdout, t.format, r.KeyBundle)
		},
	}
}

func keyListCommand() *command {
	var t keyTarget
	return &command{
		name: "list", short: "list the keys of a vault",
		flags: func(f *flag.FlagSet) { t.flags(f) },
		run: func(ctx context.Context, c *call) error {
			client, err := t.client(c)
			if err != nil {
				return err
			}
			items := []*azkeys.KeyProperties{}
			for p := client.NewListKeyPropertiesPager(nil); p.More(); {
				page, err := p.NextPage(ctx)
				if err != nil {
					return vaultError("listing keys", err)
				}
				items = append(items, page.Value...)
			}
			return printItems(c.Stdout, t.format, items)
		},
	}
}

func keyVersionsCommand() *command {
	var t keyTarget
	var name string
	return &command{
		name: "versions", short: "list the versions of a key, newest last",
		flags: func(f *flag.FlagSet) { t.flags(f); keyName(f, &name) },
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			items := []*azkeys.KeyProperties{}
			for p := client.NewListKeyPropertiesVersionsPager(name, nil); p.More(); {
				page, err := p.NextPage(ctx)
				if err != nil {
					return vaultError(fmt.Sprintf("listing versions of key %q", name), err)
				}
				items = append(items, page.Value...)
			}
			slices.SortStableFunc(items, func(a, b *azkeys.KeyProperties) int { return created(a).Compare(created(b)) })
			return printItems(c.Stdout, t.format, items)
		},
	}
}

func keyDeletedCommand() *command {
	var t keyTarget
	return &command{
		name: "deleted", short: "list deleted keys that can still be recovered",
		flags: func(f *flag.FlagSet) { t.flags(f) },
		run: func(ctx context.Context, c *call) error {
			client, err := t.client(c)
			if err != nil {
				return err
			}
			items := []*azkeys.DeletedKeyProperties{}
			for p := client.NewListDeletedKeyPropertiesPager(nil); p.More(); {
				page, err := p.NextPage(ctx)
				if err != nil {
					return vaultError("listing deleted keys", err)
				}
				items = append(items, page.Value...)
			}
			if t.format == "json" {
				return printJSON(c.Stdout, items)
			}
			tw := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
			for _, i := range items {
				fmt.Fprintf(tw, "%s\tdeleted %s\tpurged %s\n", i.KID.Name(), stamp(i.DeletedDate), stamp(i.ScheduledPurgeDate))
			}
			return tw.Flush()
		},
	}
}

func created(p *azkeys.KeyProperties) time.Time {
	if p.Attributes == nil || p.Attributes.Created == nil {
		return time.Time{}
	}
	return *p.Attributes.Created
}

func printItems(w io.Writer, format string, items []*azkeys.KeyProperties) error {
	if format == "json" {
		return printJSON(w, items)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range items {
		id := i.KID.Name()
		if v := i.KID.Version(); v != "" {
			id += "/" + v
		}
		fmt.Fprintf(tw, "%s\t%s\tcreated %s\n", id, state(i.Attributes), stamp(timeOf(i.Attributes, func(a *azkeys.KeyAttributes) *time.Time { return a.Created })))
	}
	return tw.Flush()
}

func timeOf(a *azkeys.KeyAttributes, get func(*azkeys.KeyAttributes) *time.Time) *time.Time {
	if a == nil {
		return nil
	}
	return get(a)
}

func stamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func state(a *azkeys.KeyAttributes) string {
	if a == nil {
		return "unknown"
	}
	s := "enabled"
	if a.Enabled != nil && !*a.Enabled {
		s = "disabled"
	}
	if a.NotBefore != nil {
		s += " from " + stamp(a.NotBefore)
	}
	if a.Expires != nil {
		s += " until " + stamp(a.Expires)
	}
	return s
}

func printJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// printKey prints a bundle as lines or as the API's JSON.
func printKey(w io.Writer, format string, v any) error {
	if format == "json" {
		return printJSON(w, v)
	}
	out := &errWriter{w: w}
	switch b := v.(type) {
	case azkeys.KeyBundle:
		printBundle(out, b.Key, b.Attributes, b.Tags)
	case azkeys.DeletedKey:
		printBundle(out, b.Key, b.Attributes, b.Tags)
		out.printf("deleted    %s\npurged     %s\n", stamp(b.DeletedDate), stamp(b.ScheduledPurgeDate))
	default:
		return printJSON(w, v)
	}
	return out.err
}

// sqlThumbprint is what SQL Server shows for the key in sys.asymmetric_keys and names in message 33111; "" for kinds that it
// has no use for.
func sqlThumbprint(k *azkeys.JSONWebKey) string {
	if len(k.N) == 0 || len(k.E) == 0 || len(k.E) > 4 {
		return ""
	}
	var e uint32
	for _, b := range k.E {
		e = e<<8 | uint32(b)
	}
	t, err := ekm.PublicKey{N: k.N, E: e}.Thumbprint()
	if err != nil {
		return ""
	}
	return t.String()
}

func printBundle(out *errWriter, k *azkeys.JSONWebKey, a *azkeys.KeyAttributes, tags map[string]*string) {
	if k == nil {
		return
	}
	if k.KID != nil {
		out.printf("id         %s\n", *k.KID)
	}
	kind := ""
	if k.Kty != nil {
		kind = string(*k.Kty)
	}
	switch {
	case len(k.N) > 0:
		kind += fmt.Sprintf(" %d", len(k.N)*8)
	case k.Crv != nil:
		kind += " " + string(*k.Crv)
	}
	out.printf("kind       %s\nstate      %s\n", kind, state(a))
	var ops []string
	for _, op := range k.KeyOps {
		ops = append(ops, string(*op))
	}
	out.printf("may        %s\n", strings.Join(ops, ", "))
	if t := sqlThumbprint(k); t != "" {
		out.printf("thumbprint %s\n", t)
	}
	if a != nil {
		out.printf("created    %s\nupdated    %s\n", stamp(a.Created), stamp(a.Updated))
	}
	var names []string
	for n := range tags {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		v := ""
		if tags[n] != nil {
			v = *tags[n]
		}
		out.printf("tag        %s=%s\n", n, v)
	}
}
