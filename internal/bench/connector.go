package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/app/compose"
	"latchkey/app/running"
	"latchkey/azure"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/keystore"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// databases is how many open at once, keysOfDatabases how many keys they share.
const (
	databases       = 500
	keysOfDatabases = 10
)

// benchConnector measures what the connector adds to the request that it makes, and the storm after a server's restart.
func benchConnector(ctx context.Context, b *bench) error {
	s, err := b.start(ctx, filepath.Join(b.scratch, "connector"))
	if err != nil {
		return err
	}
	defer s.stop()
	c, err := newConnectorRig(s.info)
	if err != nil {
		return err
	}
	if err := c.added(ctx, b); err != nil {
		return err
	}
	return c.storm(ctx, b)
}

// connectorRig is how a database server reaches the running vault.
type connectorRig struct {
	info     *running.Info
	cred     *ekm.Credential
	settings azure.Settings
	files    fsys.FS
}

func newConnectorRig(r *running.Info) (*connectorRig, error) {
	secrets, err := r.ReadSecrets(fsys.OS{})
	if err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(r.ConnectorClientID, "-", "") + string(secrets.ConnectorClientSecret.Expose())
	return &connectorRig{
		info:     r,
		cred:     &ekm.Credential{Name: "bench", Identity: r.VaultName, Secret: secret.FromString(text)},
		files:    fsys.NewMem(),
		settings: azure.Settings{CAFile: r.CAFile, Proxy: "http://" + r.Addresses.Proxy},
	}, nil
}

// counts are the calls that reached the vault's client.
type counts struct{ get, unwrap atomic.Int64 }

// counted counts a vault's calls on their way.
type counted struct {
	connector.Vault
	n *counts
}

func (c counted) GetKey(ctx context.Context, name, version string) (keystore.Key, error) {
	c.n.get.Add(1)
	return c.Vault.GetKey(ctx, name, version)
}

func (c counted) Unwrap(ctx context.Context, name, version, alg string, blob []byte) (*secret.Bytes, error) {
	c.n.unwrap.Add(1)
	return c.Vault.Unwrap(ctx, name, version, alg, blob)
}

// provider makes a connector that knows nothing yet but the map, as after a start.
func (c *connectorRig) provider(n *counts) (p *connector.Provider, stop func(), err error) {
	opener := azure.New(azure.Config{Settings: func(string) azure.Settings { return c.settings }})
	p, err = connector.New(connector.Config{
		Open: func(ctx context.Context, cred *ekm.Credential) (connector.Vault, error) {
			v, err := opener.Open(ctx, cred)
			if err != nil {
				return nil, err
			}
			return counted{v, n}, nil
		},
		Map: keymap.OpenFile(c.files, "/map/keys", nil, nil),
	})
	if err != nil {
		return nil, nil, errors.Join(err, opener.Close())
	}
	return p, func() { _ = p.Close(); _ = opener.Close() }, nil
}

// bareUnwrap makes the request of an unwrap with a plain HTTP client on the same way, and reads its reply.
func (c *connectorRig) bareUnwrap(ctx context.Context, uri string, blob []byte) (func() error, error) {
	client, err := c.info.HTTPClient(fsys.OS{})
	if err != nil {
		return nil, err
	}
	if t, ok := client.Transport.(*http.Transport); ok {
		t.ForceAttemptHTTP2, t.MaxConnsPerHost = true, 64 // as the connector does
	}
	secrets, err := c.info.ReadSecrets(fsys.OS{})
	if err != nil {
		return nil, err
	}
	cred, err := azidentity.NewClientSecretCredential(c.info.TenantID, c.info.ConnectorClientID, string(secrets.ConnectorClientSecret.Expose()),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: client}})
	if err != nil {
		return nil, err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"alg": "RSA-OAEP-256", "value": base64.RawURLEncoding.EncodeToString(blob)})
	if err != nil {
		return nil, err
	}
	return func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri+"/unwrapkey?api-version=7.4", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token.Token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var out struct{ Value string }
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Value == "" {
			return fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}, nil
}

// added compares single unwraps in an open session with the bare request, in turn, so that what else the machine does hits both.
func (c *connectorRig) added(ctx context.Context, b *bench) error {
	p, stop, err := c.provider(&counts{})
	if err != nil {
		return err
	}
	defer stop()
	s, err := p.OpenSession(ctx, c.cred)
	if err != nil {
		return err
	}
	key, err := s.KeyByName(ctx, compose.KeyName)
	if err != nil {
		return err
	}
	dek := secret.Random(32)
	w, err := s.Wrap(ctx, key.Thumbprint, dek)
	if err != nil {
		return err
	}
	bare, err := c.bareUnwrap(ctx, key.URI, w.Blob)
	if err != nil {
		return err
	}
	ours := func() error {
		got, err := s.Unwrap(ctx, key.Thumbprint, w)
		if err != nil {
			return err
		}
		defer got.Destroy()
		if !got.Equal(dek.Expose()) {
			return errors.New("another secret came back")
		}
		return nil
	}
	took := [2][]time.Duration{}
	end := time.Now().Add(2 * b.dur)
	for i := 0; time.Now().Before(end); i++ {
		for k, f := range []func() error{bare, ours} {
			from := time.Now()
			if err := f(); err != nil {
				return err
			}
			if i >= 50 { // after connections and caches are warm
				took[k] = append(took[k], time.Since(from))
			}
		}
	}
	if len(took[0]) < 100 {
		return fmt.Errorf("%d pairs of calls are too few", len(took[0]))
	}
	x, y := quantile(took[0], 0.5), quantile(took[1], 0.5)
	b.line(fmt.Sprintf("bare HTTPS unwrapkey, p50 of %d", len(took[0])), us(x), "")
	b.line("unwrap in an open session of the connector, p50, in turn", us(y), "")
	b.line("added at p50", fmt.Sprintf("%.1f %%", 100*(float64(y)/float64(x)-1)), "under 5 %")
	b.line("p99: bare, connector", us(quantile(took[0], 0.99))+", "+us(quantile(took[1], 0.99)), "")
	return nil
}

func quantile[T cmp.Ordered](d []T, q float64) T {
	s := slices.Sorted(slices.Values(d))
	return s[int(q*float64(len(s)-1))]
}

// storm opens all databases at once with a connector that has just started: once each with a blob of its own, once all of a key
// with the same.
func (c *connectorRig) storm(ctx context.Context, b *bench) error {
	own, same, err := c.databases(ctx)
	if err != nil {
		return err
	}
	bare, err := c.bareUnwrap(ctx, own[0].uri, own[0].wrapped.Blob)
	if err != nil {
		return err
	}
	for _, set := range []struct {
		what string
		dbs  []database
		want int64
	}{
		{"each with an encryption key of its own", own, databases},
		{"copies that share encryption keys", same, keysOfDatabases},
	} {
		base, err := allAtOnce(int(set.want), func(int) error { return bare() })
		if err != nil {
			return err
		}
		n := &counts{}
		p, stop, err := c.provider(n)
		if err != nil {
			return err
		}
		took, err := allAtOnce(len(set.dbs), func(i int) error { return set.dbs[i].open(ctx, p, c.cred) })
		stop()
		if err != nil {
			return err
		}
		b.line(fmt.Sprintf("%d databases, %s", databases, set.what), ms(took), "under 1 s")
		b.line(fmt.Sprintf("against %d bare unwrapkey requests at once", set.want), fmt.Sprintf("%s, %.2f x", ms(base), took.Seconds()/base.Seconds()), "")
		b.line(fmt.Sprintf("requests: get for %d keys", keysOfDatabases), fmt.Sprint(n.get.Load()), fmt.Sprint(keysOfDatabases))
		b.line(fmt.Sprintf("requests: unwrap for %d distinct encryption keys", set.want), fmt.Sprint(n.unwrap.Load()), fmt.Sprint(set.want))
	}
	return nil
}

func allAtOnce(n int, f func(i int) error) (time.Duration, error) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	from := time.Now()
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return time.Since(from), errors.Join(errs...)
}

// database is what a database server knows of an encrypted database before it opens it.
type database struct {
	thumb   ekm.Thumbprint
	uri     string
	wrapped ekm.Wrapped
}

func (d database) open(ctx context.Context, p *connector.Provider, cred *ekm.Credential) error {
	s, err := p.OpenSession(ctx, cred)
	if err != nil {
		return err
	}
	defer s.Close(false)
	if _, err := s.KeyByThumbprint(ctx, d.thumb); err != nil {
		return err
	}
	got, err := s.Unwrap(ctx, d.thumb, d.wrapped)
	got.Destroy()
	return err
}

// databases makes the keys and wraps encryption keys under them: one for each database, and one for each key.
func (c *connectorRig) databases(ctx context.Context) (own, same []database, err error) {
	client, err := c.info.Keys(fsys.OS{}, c.info.VaultURL)
	if err != nil {
		return nil, nil, err
	}
	p, stop, err := c.provider(&counts{})
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	s, err := p.OpenSession(ctx, c.cred)
	if err != nil {
		return nil, nil, err
	}
	for k := range keysOfDatabases {
		name, kty := fmt.Sprintf("bench-storm-%d", k), azkeys.KeyTypeRSA
		if _, err := client.CreateKey(ctx, name, azkeys.CreateKeyParameters{Kty: &kty}, nil); err != nil {
			return nil, nil, err
		}
		info, err := s.KeyByName(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		for i := range databases/keysOfDatabases + 1 {
			w, err := s.Wrap(ctx, info.Thumbprint, secret.Random(32))
			if err != nil {
				return nil, nil, err
			}
			d := database{info.Thumbprint, info.URI, w}
			if i > 0 {
				own = append(own, d)
				continue
			}
			for range databases / keysOfDatabases {
				same = append(same, d)
			}
		}
	}
	return own, same, nil
}
