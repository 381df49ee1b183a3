package entra

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strconv"
	"time"

	"latchkey/audit"
)

// grant is a token about to be issued.
type grant struct {
	tenant   string
	app      *App
	resource string // aud, as the client spelt it
	strength string // appidacr: "1" secret, "2" certificate or assertion
	with     string // the key id of the credential that proved the client
}

// token answers a token request.
func (c *call) token(tenant string, v2 bool) {
	q, f := c.readRequest(v2)
	var g *grant
	clientID := ""
	if f == nil {
		defer q.secret.Destroy()
		clientID = q.clientID
		g, f = c.authorize(q, tenant, v2)
	}
	raw, life := "", time.Duration(0)
	if f == nil {
		var err error
		if raw, life, err = c.a.mint(g, c.now); err != nil {
			f = unavailable("A transient error has occurred. The token could not be signed.")
		}
	}
	if f = c.record(g, clientID, tenant, f); f != nil {
		c.fail(f)
		return
	}
	seconds := int64(life/time.Second) - 1
	if v2 {
		c.reply(http.StatusOK, struct {
			Type    string `json:"token_type"`
			Expires int64  `json:"expires_in"`
			Ext     int64  `json:"ext_expires_in"`
			Token   string `json:"access_token"`
		}{"Bearer", seconds, seconds, raw})
		return
	}
	c.reply(http.StatusOK, struct {
		Type      string `json:"token_type"`
		Expires   string `json:"expires_in"`
		Ext       string `json:"ext_expires_in"`
		On        string `json:"expires_on"`
		NotBefore string `json:"not_before"`
		Resource  string `json:"resource"`
		Token     string `json:"access_token"`
	}{
		"Bearer", strconv.FormatInt(seconds, 10), strconv.FormatInt(seconds, 10),
		strconv.FormatInt(c.now.Add(life).Unix(), 10), strconv.FormatInt(c.now.Add(-backdate).Unix(), 10), g.resource, raw,
	})
}

// authorize decides a token request, in the order of the real service: grant, tenant, client, proof, resource.
func (c *call) authorize(q *tokenRequest, tenant string, v2 bool) (*grant, *failure) {
	t, f := c.tenant(tenant)
	switch {
	case f != nil:
		return nil, f
	case q.grant == "":
		return nil, missing("grant_type")
	case q.grant != grantClient:
		return nil, badRequest(70003, "unsupported_grant_type", "The app requested an unsupported grant type '%s'.", shown(q.grant))
	case q.clientID == "":
		return nil, missing("client_id")
	}
	// An unknown client is not named: its guesses share one count per address.
	app := c.a.View().App(q.clientID)
	counted := q.clientID
	if app == nil {
		counted = ""
	}
	g, f := c.prove(q, t, app)
	if f != nil && f.auth {
		// Who has the right credential is let in all the same: nobody finds one by trying, but others behind the same
		// address could keep a database from its keys.
		if wait := c.a.failures.count(counted, c.addr(), c.now); wait > 0 {
			f = &failure{
				number: 50196, status: http.StatusTooManyRequests, kind: "temporarily_unavailable", after: wait,
				text: "The client failed to authenticate too often. Correct its credential and wait.",
			}
		}
	}
	if f != nil {
		return nil, f
	}
	if g.resource, f = q.target(v2); f != nil {
		return nil, f
	}
	if f := c.a.allowed(g.resource, tenant); f != nil {
		return nil, f
	}
	return g, nil
}

// record writes the audit record of a request that ends with f (nil: with a token); it returns what to answer: f, or that
// there is no record and so no token.
func (c *call) record(g *grant, clientID, tenant string, f *failure) *failure {
	rec := audit.Record{
		Time: c.now.UTC(), Operation: "TokenIssue", Result: audit.Success, Status: http.StatusOK, RequestID: c.trace,
		CorrelationID: c.correlation, Client: clip(c.r.UserAgent(), 256), AppID: clip(shown(clientID), 64),
		Duration: c.a.c.Clock.Now().Sub(c.now),
	}
	if addr := c.addr(); addr.IsValid() {
		rec.CallerIP = addr.String()
	}
	if t := c.a.View().Tenant(tenant); t != nil {
		rec.TenantID, rec.Resource = t.ID, "/tenants/"+t.ID
	}
	if g != nil {
		rec.AppID, rec.TenantID, rec.Resource = g.app.ClientID, g.tenant, "/tenants/"+g.tenant
		rec.ObjectID, rec.Object, rec.Assignment = g.app.In(g.tenant).ObjectID, g.resource, g.with
	}
	if f != nil {
		rec.Result, rec.Status, rec.Reason = audit.Denied, f.status, f.reason()
		if f.status >= 500 {
			rec.Result = audit.Failed
		}
	}
	// The record is owed even when the client has hung up.
	if err := c.a.c.Audit.Append(context.WithoutCancel(c.r.Context()), rec); err != nil {
		c.a.c.Log.Error("recording a token request", "error", err)
		return unavailable("A transient error has occurred. The request could not be recorded in the audit log, and without a record no token is issued.")
	}
	return f
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// backdate is how far back a token's nbf lies: clocks differ.
const backdate = 5 * time.Minute

// accessToken is the payload of a v1 access token (A22.2).
type accessToken struct {
	Audience  string   `json:"aud"`
	Issuer    string   `json:"iss"`
	Issued    int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	AppID     string   `json:"appid"`
	Strength  string   `json:"appidacr"`
	Groups    []string `json:"groups,omitempty"`
	Provider  string   `json:"idp"`
	Type      string   `json:"idtyp"`
	Object    string   `json:"oid"`
	Subject   string   `json:"sub"`
	Tenant    string   `json:"tid"`
	Unique    string   `json:"uti"`
	Version   string   `json:"ver"`
	Identity  string   `json:"xms_mirid,omitempty"` // resource id of a managed identity
}

// mint signs a token.
func (a *Authority) mint(g *grant, now time.Time) (raw string, life time.Duration, err error) {
	spread, err := rand.Int(rand.Reader, big.NewInt(int64((MaxTokenLife-MinTokenLife)/time.Second)+1))
	if err != nil {
		return "", 0, err
	}
	life = MinTokenLife + time.Duration(spread.Int64())*time.Second
	var unique [16]byte
	rand.Read(unique[:])
	p := g.app.In(g.tenant)
	payload, err := json.Marshal(accessToken{
		Audience: g.resource, Issuer: issuerOf(g.tenant), Issued: now.Add(-backdate).Unix(), NotBefore: now.Add(-backdate).Unix(),
		Expires: now.Add(life).Unix(), AppID: g.app.ClientID, Strength: g.strength, Groups: p.Groups,
		Provider: issuerOf(g.tenant), Type: "app", Object: p.ObjectID, Subject: p.ObjectID, Tenant: g.tenant,
		Unique: base64.RawURLEncoding.EncodeToString(unique[:]), Version: "1.0", Identity: g.app.ResourceID,
	})
	if err != nil {
		return "", 0, err
	}
	raw, err = a.Sign(payload)
	return raw, life, err
}
