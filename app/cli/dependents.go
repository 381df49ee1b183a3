package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"latchkey/akv"
)

func keyDependentsCommand() *command {
	var t keyTarget
	return &command{
		name: "dependents", short: "list the servers that need a vault's keys",
		long: `A vault of Latchkey's refuses to disable or delete what these servers need. A server that has not renewed within its lease is stale and still heeded; 30 days later it has
lapsed, and is shown until it comes back or latchkey key forget removes it. Azure's vaults keep no such list.`,
		flags: func(f *flag.FlagSet) { t.flags(f) },
		run: func(ctx context.Context, c *call) error {
			v, err := t.own(c)
			if err != nil {
				return err
			}
			var l akv.DependentList
			if err := v.do(ctx, http.MethodGet, "", nil, "", &l); err != nil {
				return vaultError("listing the servers that need keys", err)
			}
			if t.format == "json" {
				e := json.NewEncoder(c.Stdout)
				e.SetIndent("", "  ")
				return e.Encode(l)
			}
			return printDependents(c.Stdout, l)
		},
	}
}

func printDependents(out io.Writer, l akv.DependentList) error {
	if len(l.Value) == 0 {
		_, err := fmt.Fprintln(out, "no server has registered that it needs a key")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, d := range l.Value {
		fmt.Fprintf(w, "%s\t%s\t%s\trenewed %s\tstale from %s\n", d.ID, d.Server, d.State, at(d.Renewed), at(d.StaleAt))
		for _, u := range d.Uses {
			fmt.Fprintf(w, "  %s/%s\t%s\t%s\t%s\t\n", u.Key, u.Version, u.Kind, u.Database, u.Thumbprint)
		}
	}
	return w.Flush()
}

func at(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

func keyForgetCommand() *command {
	var t keyTarget
	var id, reason string
	return &command{
		name: "forget", short: "forget that a server needs a vault's keys",
		long: `For a server that is gone for good. One that is current or stale is forgotten with --reason alone, which the audit log keeps. A server that is still there registers
again within the hour.`,
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			f.StringVar(&id, "server", "", "the `ID` that latchkey key dependents shows")
			f.StringVar(&reason, "reason", "", "`TEXT` for the vault's audit log")
		},
		run: func(ctx context.Context, c *call) error {
			if !akv.ValidDependentID(id) {
				return usagef("--server is the id that latchkey key dependents shows, not %q", id)
			}
			v, err := t.own(c)
			if err != nil {
				return err
			}
			var d akv.Dependent
			if err := v.do(ctx, http.MethodDelete, id, nil, reason, &d); err != nil {
				if e, ok := errors.AsType[*akv.Error](err); ok && e.Status == http.StatusNotFound {
					return withHint(fmt.Errorf("forgetting server %q: %w", id, err), "latchkey key dependents shows who is registered")
				}
				return vaultError(fmt.Sprintf("forgetting server %q", id), err)
			}
			_, err = fmt.Fprintf(c.Stdout, "forgot %s (%s), which had registered %d uses\n", d.ID, d.Server, len(d.Uses))
			return err
		},
	}
}

// own reaches what a vault of Latchkey's has beyond Azure's.
func (t *keyTarget) own(c *call) (*ownVault, error) {
	if t.format != "text" && t.format != "json" {
		return nil, usagef("--format is text or json, not %q", t.format)
	}
	where, remote, err := t.where(c)
	if err != nil {
		return nil, err
	}
	if remote {
		cred, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil, fmt.Errorf("finding a credential: %w", err)
		}
		return &ownVault{url: where, cred: cred, http: http.DefaultClient}, nil
	}
	r, err := c.running(t.data)
	if err != nil {
		return nil, err
	}
	if where == "" {
		where = r.VaultURL
		if t.hsm {
			where = r.HSMURL
		}
	}
	secrets, err := r.ReadSecrets(c.FS)
	if err != nil {
		return nil, err
	}
	cred, client, err := r.Credential(c.FS, secrets)
	if err != nil {
		return nil, err
	}
	return &ownVault{url: where, cred: cred, http: client}, nil
}

var errNoDependents = errors.New("this vault keeps no list of servers that need its keys: it is not one of Latchkey's, or of an older version")

// ownVault calls a vault's extension.
type ownVault struct {
	url  string
	cred azcore.TokenCredential
	http *http.Client
}

// do makes one call about the dependent id, "" for all. out gets the reply. An error of the vault is an *akv.Error.
func (v *ownVault) do(ctx context.Context, method, id string, in any, reason string, out any) error {
	at := strings.TrimSuffix(v.url, "/") + akv.PathDependents
	if id != "" {
		at += "/" + url.PathEscape(id)
	}
	at += "?api-version=" + akv.LatestVersion
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	token := ""
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, at, nil)
		if err != nil {
			return err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
			if reason != "" {
				req.Header.Set(akv.HeaderForceReason, reason)
			}
			if body != nil {
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				req.Header.Set("Content-Type", "application/json")
			}
		}
		res, err := v.http.Do(req)
		if err != nil {
			return err
		}
		reply, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
		_ = res.Body.Close()
		switch {
		case err != nil:
			return err
		case res.StatusCode == http.StatusUnauthorized && try == 0: // the first went without a token, for the challenge
			if token, err = v.token(ctx, res.Header.Get("WWW-Authenticate")); err != nil {
				return err
			}
			continue
		case res.StatusCode == http.StatusNotFound && res.Header.Get(akv.HeaderExtensions) == "":
			return errNoDependents
		case res.StatusCode != http.StatusOK:
			return akv.ReadError(res.StatusCode, reply)
		}
		return json.Unmarshal(reply, out)
	}
}

// token gets a token for what a challenge names, which must be the vault's own domain: no other may get one of ours.
func (v *ownVault) token(ctx context.Context, challenge string) (string, error) {
	_, resource, ok := strings.Cut(challenge, `resource="`)
	resource, _, closed := strings.Cut(resource, `"`)
	r, err := url.Parse(resource)
	if !ok || !closed || err != nil || r.Scheme != "https" || r.Host == "" {
		return "", errors.New("the vault's challenge names no resource")
	}
	if u, err := url.Parse(v.url); err != nil || !strings.HasSuffix(strings.ToLower(u.Host), "."+strings.ToLower(r.Host)) {
		return "", fmt.Errorf("the vault's challenge asks for a token for %q, which is not the vault's domain", resource)
	}
	t, err := v.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{strings.TrimSuffix(resource, "/") + "/.default"}})
	return t.Token, err
}
