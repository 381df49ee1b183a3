package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"latchkey/akv"
	"latchkey/audit"
	"latchkey/ekm/code"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rbac"
	"latchkey/vault/store"
	"latchkey/vault/throttle"
	"latchkey/vault/token"
)

// Call is a request before the door: what can be known without reading its body.
type Call struct {
	Vault    string // id of the vault, see Hosts.Resolve; "" if the host is nobody's
	Host     string // as the caller wrote it, for the audit record of a host that is nobody's
	Base     string // "https://host[:port]" as the caller wrote it, for identifiers in replies
	Token    string // the bearer token; "" if none was sent
	Audience string // what the token must be for
	Version  akv.APIVersion
	// Refused is an error that was found before the door (an unknown version, a malformed name). It is answered once the
	// caller is known, so that strangers learn nothing; the door records it.
	Refused error

	Key        string // name in the path, "" if the route has none
	KeyVersion string // version in the path, "" for the current one
	Scope      string // of the role routes of a Managed HSM

	Addr          netip.Addr
	RequestID     string
	CorrelationID string // the client's request id
	Client        string // its User-Agent

	// Set by the door, for headers of the reply.
	TenantID   string // of the vault, once found
	HSM        bool
	Region     string
	Assignment string // what allowed it
	RBAC       bool
}

// Tx is one operation behind the door. It is used by one goroutine and ends with the function that it was given to.
type Tx struct {
	s         *Service
	ctx       context.Context
	op        Op
	call      *Call
	vault     *keydb.Vault
	vaultRev  int64
	principal rbac.Principal
	now       time.Time
	object    string // for the audit record
	recorded  bool   // the record of a change was written ahead
	committed bool
	charged   bool     // it counted against the limits
	name      string   // in the audit record, instead of the operation's
	after     []func() // once the change is durable
}

// Do is the one door: it lets act do op for the caller, or refuses. The error is an *akv.Error.
func (s *Service) Do(ctx context.Context, op Op, c *Call, act func(*Tx) error) error {
	tx := &Tx{s: s, ctx: ctx, op: op, call: c, now: s.clock.Now()}
	err := tx.enter()
	if err == nil {
		err = tx.act(act)
	}
	if err := tx.leave(err); err != nil {
		return err
	}
	return nil
}

// act calls act; a panic becomes an error with nothing of it told.
func (tx *Tx) act(act func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			tx.s.log.Error("panic in an operation", "operation", tx.op.String(), "requestId", tx.call.RequestID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = internal(http.StatusInternalServerError, code.VaultInternal, "An error occurred inside the vault; see its log for this request id.")
		}
	}()
	return act(tx)
}

// enter finds the vault, says who calls and whether they may.
func (tx *Tx) enter() error {
	c, info := tx.call, tx.op.Info()
	if c.Vault == "" {
		return unknownHost(c.Host)
	}
	v, err := tx.s.db.Vault(tx.ctx, c.Vault)
	if err != nil {
		return err
	}
	if v.Val == nil || v.Val.Deleted != nil {
		return unknownHost(c.Host)
	}
	tx.vault, tx.vaultRev = v.Val, v.Rev
	c.TenantID, c.HSM, c.Region = v.Val.TenantID, v.Val.HSM, v.Val.Location
	if c.Token == "" {
		return fail(http.StatusUnauthorized, akv.CodeUnauthorized, "", "AKV10000: Request is missing a Bearer or PoP token.")
	}
	if tx.principal, err = tx.s.tokens.Validate(tx.ctx, c.Token, c.Audience); err != nil {
		return err
	}
	if err := token.CheckTenant(tx.principal, v.Val.TenantID); err != nil {
		return err
	}
	access, err := tx.s.db.Access(tx.ctx, c.Vault)
	if err != nil {
		return err
	}
	if tx.op == OpUnknown {
		return c.Refused
	}
	var rules rbac.Access // denies everything
	if access.Val != nil {
		rules = access.Val.Access
	}
	kind := kindOf(v.Val)
	req := rbac.Request{
		Principal: tx.principal, Kind: kind, VaultName: v.Val.Name, Location: v.Val.Location, ResourceID: resourceID(v.Val),
		KeyName: c.Key, Action: info.Need.Action(kind), Permission: info.Need.Permission, Addr: c.Addr, Scope: c.Scope,
	}
	d := rbac.Decide(rules, req)
	c.RBAC = rules.Model == rbac.ModelRBAC
	if !d.Allowed {
		return d.Err()
	}
	c.Assignment = d.AssignmentID
	return c.Refused
}

// leave records how it ended and gives the reply's error.
func (tx *Tx) leave(err error) error {
	var api *akv.Error
	if err != nil {
		if api = toAPI(err); api.Status >= 500 {
			tx.s.log.Error("operation failed", "operation", tx.op.String(), "requestId", tx.call.RequestID, "error", err)
		}
		if tx.call.HSM && api.Status != http.StatusUnauthorized {
			withID := *api
			withID.Message += " (Activity ID: " + tx.call.RequestID + ")"
			api = &withID
		}
	}
	switch {
	case api == nil && tx.recorded:
		if !tx.committed {
			// A change that turned out to need no commit: the record stands, nothing is different.
			tx.committed = true
		}
		for _, f := range tx.after {
			f()
		}
		return nil
	case api == nil:
		if err := tx.record(audit.Success, http.StatusOK, ""); err != nil {
			return tx.unrecorded(err)
		}
		for _, f := range tx.after {
			f()
		}
		return nil
	}
	result := audit.Failed
	if denied(api) {
		result = audit.Denied
	}
	if err := tx.record(result, api.Status, reasonOf(api)); err != nil {
		return tx.unrecorded(err)
	}
	return api
}

// unrecorded is the reply to an operation whose record could not be written. Nothing was changed: a change is recorded
// before its commit, so that what failed is either that record, or the one that withdraws it after a failed commit.
func (tx *Tx) unrecorded(err error) error {
	tx.s.log.Error("audit record not written", "operation", tx.op.String(), "requestId", tx.call.RequestID, "error", err)
	text := "The operation was refused because its audit record could not be written; nothing was changed."
	if tx.recorded {
		text = "The operation failed and was not carried out; its audit record says otherwise and could not be corrected."
	}
	return internal(http.StatusServiceUnavailable, code.VaultAuditRefused, text)
}

// denied says that the door refused, not the operation.
func denied(e *akv.Error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusMisdirectedRequest:
		return true
	case http.StatusForbidden:
		switch e.Inner {
		case akv.InnerForbiddenByPolicy, akv.InnerForbiddenByRbac, akv.InnerForbiddenByFirewall, akv.InnerForbiddenByConnection, akv.InnerAccessDenied:
			return true
		}
	}
	return false
}

func reasonOf(e *akv.Error) string {
	if e.Inner != "" {
		return e.Code + "/" + e.Inner
	}
	if len(e.Message) > 10 && e.Message[:3] == "AKV" {
		return e.Code + "/" + e.Message[:8]
	}
	return e.Code
}

const maxClient = 256

// record writes the audit record. It is not given up when the client goes away: a record half asked for is worse.
func (tx *Tx) record(result audit.Result, status int, reason string) error {
	c := tx.call
	r := audit.Record{
		Time: tx.now, Operation: cmp.Or(tx.name, tx.op.String()), APIVersion: c.Version.Name, Resource: c.Host, Object: tx.object,
		Result: result, Status: status, Reason: reason, Duration: tx.s.clock.Now().Sub(tx.now),
		CorrelationID: c.CorrelationID, RequestID: c.RequestID,
		ObjectID: tx.principal.ObjectID, AppID: tx.principal.AppID, TenantID: tx.principal.TenantID,
		Client: c.Client, Assignment: c.Assignment,
	}
	if c.Addr.IsValid() {
		r.CallerIP = c.Addr.String()
	}
	if len(r.Client) > maxClient {
		r.Client = r.Client[:maxClient]
	}
	if tx.vault != nil {
		r.Resource = resourceID(tx.vault)
		if r.Object == "" && c.Key != "" {
			r.Object = keyspec.View{Base: c.Base}.KID(c.Key, c.KeyVersion)
		}
	}
	return tx.s.audit.Append(context.WithoutCancel(tx.ctx), r)
}

// commit makes a batch durable, its record first. It is the only way of an operation to the store. A conflict may be
// answered by deciding anew and committing again: the record is written once.
func (tx *Tx) commit(b *keydb.Batch) error {
	_, err := tx.commitRev(b)
	return err
}

func (tx *Tx) commitRev(b *keydb.Batch) (rev int64, err error) {
	if !tx.op.Info().Changes {
		return 0, fmt.Errorf("operation %v changes nothing", tx.op)
	}
	if err := b.Prepared(); err != nil {
		return 0, code.Wrap(code.VaultSealed, "preparing a change", tx.vaultID(), err)
	}
	if !tx.recorded {
		if err := tx.record(audit.Success, http.StatusOK, ""); err != nil {
			return 0, tx.unrecorded(err)
		}
		tx.recorded = true
	}
	rev, err = b.Commit(context.WithoutCancel(tx.ctx))
	switch {
	case err == nil:
		tx.committed = true
		return rev, nil
	case errors.Is(err, store.ErrUnavailable):
		tx.s.log.Error("commit of unknown outcome", "operation", tx.op.String(), "requestId", tx.call.RequestID, "error", err)
		return 0, internal(http.StatusServiceUnavailable, code.VaultOutcomeUnknown, "The store failed during the change: it may have taken place or not. Read the key before repeating the call.")
	}
	return 0, err
}

// attempts is how often a change is decided anew when others were faster.
const attempts = 100

// change runs decide, which reads and fills a batch, and commits, again while others are faster.
func (tx *Tx) change(decide func(b *keydb.Batch) error) error {
	for i := 0; ; i++ {
		b := tx.s.db.Batch()
		if err := decide(b); err != nil {
			return err
		}
		err := tx.commit(b)
		if !errors.Is(err, store.ErrConflict) || i == attempts {
			return err
		}
		if err := tx.ctx.Err(); err != nil {
			return err
		}
	}
}

// charge lets the operation count, once, against the vault's limits. A Managed HSM has none.
func (tx *Tx) charge(hsm bool, rsaBits int) error {
	if tx.charged || tx.vault.HSM || tx.op.Info().system {
		return nil
	}
	wait := tx.s.limits.Allow(throttle.Call{
		Subscription: tx.vault.Subscription, Vault: tx.vault.ID, Bucket: tx.op.Info().Bucket, HSM: hsm, RSABits: rsaBits,
	})
	if wait == 0 {
		tx.charged = true
		return nil
	}
	e := fail(http.StatusTooManyRequests, akv.CodeThrottled, "", "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached")
	e.RetryAfter = wait
	return e
}

// opened guards against a handler that opened the door for one operation and does another.
func (tx *Tx) opened(op Op) error {
	if tx.op != op {
		return fmt.Errorf("operation %v was opened as %v", op, tx.op)
	}
	return nil
}

func (tx *Tx) vaultID() string {
	if tx.vault == nil {
		return ""
	}
	return tx.vault.ID
}

func unknownHost(host string) error {
	if len(host) > 255 {
		host = host[:255]
	}
	return fail(http.StatusNotFound, "VaultNotFound", "", "No vault has the host name %q (%v).", host, code.VaultUnknownHost)
}

func kindOf(v *keydb.Vault) rbac.Kind {
	if v.HSM {
		return rbac.HSM
	}
	return rbac.Vault
}
