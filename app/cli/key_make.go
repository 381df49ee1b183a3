package cli

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// keyShape are the flags that create, import and update share.
type keyShape struct {
	ops, notBefore, expires string
	enabled                 optionalBool
	tags                    tagFlag
}

func (s *keyShape) flags(f *flag.FlagSet) {
	f.StringVar(&s.ops, "ops", "", "comma-separated `LIST` of what the key may do: encrypt, decrypt, sign, verify, wrapKey, unwrapKey")
	f.Var(&s.enabled, "enabled", "whether the key works: --enabled=false to disable")
	f.StringVar(&s.notBefore, "not-before", "", "`TIME` before which the key does not work: 2030-01-31 or 2030-01-31T15:04:05Z")
	f.StringVar(&s.expires, "expires", "", "`TIME` at which the key ends")
	f.Var(&s.tags, "tag", "`NAME=VALUE`, again for more")
}

func (s *keyShape) operations() ([]*azkeys.KeyOperation, error) {
	if s.ops == "" {
		return nil, nil
	}
	var ops []*azkeys.KeyOperation
	known := append(azkeys.PossibleKeyOperationValues(), "export")
next:
	for word := range strings.SplitSeq(s.ops, ",") {
		for _, op := range known {
			if strings.EqualFold(strings.TrimSpace(word), string(op)) {
				ops = append(ops, &op)
				continue next
			}
		}
		return nil, usagef("--ops: %q is no key operation", word)
	}
	return ops, nil
}

// attributes are nil when no flag was given.
func (s *keyShape) attributes() (*azkeys.KeyAttributes, error) {
	if !s.enabled.set && s.notBefore == "" && s.expires == "" {
		return nil, nil
	}
	a := &azkeys.KeyAttributes{}
	if s.enabled.set {
		a.Enabled = &s.enabled.value
	}
	for _, f := range []struct {
		flag, text string
		to         **time.Time
	}{{"not-before", s.notBefore, &a.NotBefore}, {"expires", s.expires, &a.Expires}} {
		if f.text == "" {
			continue
		}
		at, err := parseTime(f.text)
		if err != nil {
			return nil, usagef("--%s: %q is no time; write 2030-01-31 or 2030-01-31T15:04:05Z", f.flag, f.text)
		}
		*f.to = &at
	}
	return a, nil
}

func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

// optionalBool tells "not given" from false.
type optionalBool struct{ set, value bool }

func (b *optionalBool) String() string {
	if !b.set {
		return ""
	}
	return fmt.Sprint(b.value)
}

func (b *optionalBool) Set(s string) error {
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		b.set, b.value = true, true
	case "false", "0", "no":
		b.set, b.value = true, false
	default:
		return fmt.Errorf("%q is neither true nor false", s)
	}
	return nil
}

// IsBoolFlag lets --enabled stand alone.
func (b *optionalBool) IsBoolFlag() bool { return true }

// tagFlag collects NAME=VALUE.
type tagFlag map[string]*string

func (t *tagFlag) String() string { return "" }

func (t *tagFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", s)
	}
	if *t == nil {
		*t = make(tagFlag)
	}
	(*t)[name] = &value
	return nil
}

func keyCreateCommand() *command {
	var t keyTarget
	var s keyShape
	var name, kty, curve, policyFile string
	var size int
	return &command{
		name: "create", short: "make a key, or a new version of one that exists",
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			s.flags(f)
			f.StringVar(&kty, "kty", "RSA", "`KIND`: RSA, EC, oct, or with -HSM")
			f.IntVar(&size, "size", 0, "`BITS`: RSA 2048 (default), 3072, 4096; oct 128, 192, 256")
			f.StringVar(&curve, "curve", "", "EC `CURVE`: P-256 (default), P-384, P-521, P-256K")
			f.StringVar(&policyFile, "release-policy", "", "`FILE` with the release policy's JSON; makes the key exportable under it")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			kind := azkeys.KeyType(kty)
			p := azkeys.CreateKeyParameters{Kty: &kind, Tags: s.tags}
			var err error
			if p.KeyOps, err = s.operations(); err != nil {
				return err
			}
			if p.KeyAttributes, err = s.attributes(); err != nil {
				return err
			}
			if size != 0 {
				n := int32(size)
				p.KeySize = &n
			}
			if curve != "" {
				cv := azkeys.CurveName(curve)
				p.Curve = &cv
			}
			if policyFile != "" {
				b, err := fsys.ReadFile(c.FS, policyFile, 1<<20)
				if err != nil {
					return fmt.Errorf("reading the release policy: %w", err)
				}
				yes := true
				if p.KeyAttributes == nil {
					p.KeyAttributes = &azkeys.KeyAttributes{}
				}
				p.KeyAttributes.Exportable = &yes
				p.ReleasePolicy = &azkeys.KeyReleasePolicy{EncodedPolicy: b}
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.CreateKey(ctx, name, p, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("creating key %q", name), err)
			}
			return printKey(c.Stdout, t.format, r.KeyBundle)
		},
	}
}

func keyImportCommand() *command {
	var t keyTarget
	var s keyShape
	var name, file string
	var protect bool
	return &command{
		name: "import", short: "bring a private key of your own into a vault",
		long: `The file holds a JSON Web Key, or PEM with an RSA or EC private key (PKCS #1, SEC 1 or PKCS #8, not encrypted); "-" reads
standard input. The file stays where it is: remove it once the key's backup is safe.`,
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			s.flags(f)
			f.StringVar(&file, "file", "", "`FILE` with the private key, - for standard input")
			f.BoolVar(&protect, "protect-in-hsm", false, "import as an HSM-protected kind")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			if file == "" {
				return usagef("--file is missing")
			}
			raw, err := c.readInput(file, 1<<20)
			if err != nil {
				return fmt.Errorf("reading the key: %w", err)
			}
			defer secret.Wipe(raw)
			jwk, err := readPrivateKey(raw)
			if err != nil {
				return fmt.Errorf("reading the key in %q: %w", file, err)
			}
			p := azkeys.ImportKeyParameters{Key: jwk, Tags: s.tags}
			if protect {
				p.HSM = &protect
			}
			if jwk.KeyOps, err = s.operations(); err != nil {
				return err
			}
			if p.KeyAttributes, err = s.attributes(); err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.ImportKey(ctx, name, p, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("importing key %q", name), err)
			}
			return printKey(c.Stdout, t.format, r.KeyBundle)
		},
	}
}

func keyUpdateCommand() *command {
	var t keyTarget
	var s keyShape
	var name, version string
	var clearTags bool
	var o force
	return &command{
		name: "update", short: "change a key's state, dates, operations or tags",
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			s.flags(f)
			o.flags(f)
			f.StringVar(&version, "version", "", "the `VERSION` to change; default the newest")
			f.BoolVar(&clearTags, "clear-tags", false, "remove all tags")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			p := azkeys.UpdateKeyParameters{Tags: s.tags}
			if clearTags && s.tags == nil {
				p.Tags = make(map[string]*string)
			}
			var err error
			if p.KeyOps, err = s.operations(); err != nil {
				return err
			}
			if p.KeyAttributes, err = s.attributes(); err != nil {
				return err
			}
			if p.KeyAttributes == nil && p.KeyOps == nil && p.Tags == nil {
				return usagef("nothing to change: give --enabled, --not-before, --expires, --ops, --tag or --clear-tags")
			}
			if ctx, err = o.context(ctx); err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.UpdateKey(ctx, name, version, p, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("updating key %q", name), err)
			}
			return printKey(c.Stdout, t.format, r.KeyBundle)
		},
	}
}

// readInput reads a file or, for "-", standard input.
func (c *call) readInput(name string, limit int64) ([]byte, error) {
	if name != "-" {
		return fsys.ReadFile(c.FS, name, limit)
	}
	return readLimited(c.Stdin, limit)
}

// writeNew writes a file that must not exist yet, readable by its owner alone; "-" is standard output.
func (c *call) writeNew(name string, data []byte) error {
	if name == "-" {
		_, err := c.Stdout.Write(data)
		return err
	}
	if _, err := c.FS.Stat(name); err == nil {
		return withHint(fmt.Errorf("writing %q: %w", name, os.ErrExist), "name another file, or remove this one")
	}
	return fsys.WriteFile(c.FS, name, data, 0o600)
}
