package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/akv"
)

func keyCommand() *command {
	return &command{
		name: "key", short: "make and manage keys in a vault, ours or Azure's",
		long: `Which vault: --vault URL with the usual Azure credentials (environment, managed identity, az login); or --data DIR
for a running "latchkey up", with --vault for another of its vaults and --hsm for its HSM. With neither flag,
$LATCHKEY_VAULT_URL (which "latchkey env" sets), else the default data directory.`,
		sub: []*command{
			keyCreateCommand(), keyImportCommand(), keyListCommand(), keyShowCommand(), keyVersionsCommand(), keyUpdateCommand(),
			keyRotateCommand(), keyPolicyCommand(), keyBackupCommand(), keyRestoreCommand(), keyRelocateCommand(),
			keyDisableCommand(), keyDeleteCommand(), keyRecoverCommand(), keyPurgeCommand(), keyDeletedCommand(),
			keyDependentsCommand(), keyForgetCommand(),
		},
	}
}

// keyTarget is what every key command's flags say about where.
type keyTarget struct {
	vault, data, format string
	hsm                 bool
}

func (t *keyTarget) flags(f *flag.FlagSet) {
	f.StringVar(&t.vault, "vault", "", "vault `URL`, https")
	dataFlag(f, &t.data)
	f.BoolVar(&t.hsm, "hsm", false, "the HSM of the running server instead of its vault")
	f.StringVar(&t.format, "format", "text", "`FORMAT` of the output: text or json")
}

// client reaches the vault that the flags name.
func (t *keyTarget) client(c *call) (*azkeys.Client, error) {
	if t.format != "text" && t.format != "json" {
		return nil, usagef("--format is text or json, not %q", t.format)
	}
	url, remote, err := t.where(c)
	if err != nil {
		return nil, err
	}
	if remote {
		cred, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil, fmt.Errorf("finding a credential: %w", err)
		}
		return azkeys.NewClient(url, cred, &azkeys.ClientOptions{ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 2}}})
	}
	r, err := c.running(t.data)
	if err != nil {
		return nil, err
	}
	if url == "" {
		url = r.VaultURL
		if t.hsm {
			url = r.HSMURL
		}
	}
	return r.Keys(c.FS, url)
}

// where is the URL that the flags name, "" for the running server's own; remote with the usual Azure credentials.
func (t *keyTarget) where(c *call) (url string, remote bool, err error) {
	url = t.vault
	if url == "" && t.data == "" && !t.hsm {
		url, _ = c.LookupEnv("LATCHKEY_VAULT_URL")
	}
	if url != "" && !strings.HasPrefix(url, "https://") {
		return "", false, usagef("a vault's URL begins with https://, not %q", url)
	}
	remote = url != "" && t.data == ""
	if remote && t.hsm {
		return "", false, usagef("--hsm goes with --data; give the HSM's own URL to --vault")
	}
	return url, remote, nil
}

// keyName adds --name; checkName says what is wrong with it before the network does.
func keyName(f *flag.FlagSet, name *string) { f.StringVar(name, "name", "", "the key's `NAME`") }

func checkName(name string) error {
	if name == "" {
		return usagef("--name is missing")
	}
	if !akv.ValidKeyName(name) {
		return usagef("--name %q: a key's name has 1 to 127 letters, digits and hyphens", name)
	}
	return nil
}

// vaultError turns an SDK error into one line that says what was being done and what the vault said.
func vaultError(doing string, err error) error {
	if err == nil {
		return nil
	}
	var denied *azidentity.AuthenticationFailedError
	if errors.As(err, &denied) {
		return withHint(fmt.Errorf("%s: no token: %s", doing, tokenProblem(denied)), "check AZURE_TENANT_ID, AZURE_CLIENT_ID and its secret or certificate")
	}
	var resp *azcore.ResponseError
	var api *akv.Error
	if errors.As(err, &api) {
		return apiError(doing, api)
	}
	if !errors.As(err, &resp) {
		if strings.Contains(err.Error(), "connection refused") {
			return withHint(fmt.Errorf("%s: %w", doing, err), "is the server still running? latchkey up starts it")
		}
		return fmt.Errorf("%s: %w", doing, err)
	}
	e := &akv.Error{Status: resp.StatusCode, Code: resp.ErrorCode}
	if resp.RawResponse != nil {
		if body, perr := runtime.Payload(resp.RawResponse); perr == nil {
			e = akv.ReadError(resp.StatusCode, body)
		}
	}
	return apiError(doing, e)
}

// apiError adds what to do to what a vault said.
func apiError(doing string, e *akv.Error) error {
	out := fmt.Errorf("%s: %w", doing, e)
	switch {
	case e.Inner == akv.InnerKeyStillNeeded:
		return withHint(out, "latchkey key dependents shows who needs what, latchkey retire what is left of it on a server")
	case e.Inner == "ObjectIsDeletedButRecoverable":
		return withHint(out, "latchkey key recover brings it back, latchkey key purge removes it for good")
	case e.Status == http.StatusNotFound:
		return withHint(out, "latchkey key list and latchkey key deleted show what is there")
	case e.Status == http.StatusForbidden:
		return withHint(out, "the vault knows the caller but refuses: its roles or policies, its firewall, or the key's own state")
	}
	return out
}

// tokenProblem is the token authority's own sentence, without the SDK's page around it.
func tokenProblem(e *azidentity.AuthenticationFailedError) string {
	if e.RawResponse != nil {
		if body, err := runtime.Payload(e.RawResponse); err == nil {
			var j struct {
				Description string `json:"error_description"`
			}
			if json.Unmarshal(body, &j) == nil && j.Description != "" {
				line, _, _ := strings.Cut(j.Description, " Trace ID")
				return line
			}
		}
	}
	return oneLine(e.Error())
}

// simple is a key command that has no flags of its own besides --name: it does one call and prints a bundle.
func simple(name, short, long, doing string, run func(ctx context.Context, client *azkeys.Client, key string) (any, error)) *command {
	var t keyTarget
	var key string
	return &command{
		name: name, short: short, long: long,
		flags: func(f *flag.FlagSet) { t.flags(f); keyName(f, &key) },
		run: func(ctx context.Context, c *call) error {
			if err := checkName(key); err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			v, err := run(ctx, client, key)
			if err != nil {
				return vaultError(fmt.Sprintf("%s %q", doing, key), err)
			}
			return printKey(c.Stdout, t.format, v)
		},
	}
}

func keyRotateCommand() *command {
	return simple("rotate", "make a new version of a key", "", "rotating key", func(ctx context.Context, client *azkeys.Client, key string) (any, error) {
		r, err := client.RotateKey(ctx, key, nil)
		return r.KeyBundle, err
	})
}

func keyRecoverCommand() *command {
	return simple("recover", "bring a deleted key back", "", "recovering key", func(ctx context.Context, client *azkeys.Client, key string) (any, error) {
		r, err := client.RecoverDeletedKey(ctx, key, nil)
		return r.KeyBundle, err
	})
}
