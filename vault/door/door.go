package door

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
	Dependent  string // id in the path of a dependent
	// Force is the reason why what a server still needs is to be taken from it all the same; "" refuses that.
	Force   string
	Address string // method and path as sent, cut short: for the audit record of an address that is no route

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
	Known      bool // the caller has a token that is good here
}

// Tx is one operation behind the door. It is used by one goroutine and ends with the function that it was given to.
type Tx struct {
	Ctx       context.Context
	Op        Op
	Call      *Call
	DB        *keydb.DB    // for reading; changes go through Change
	Vault     *keydb.Vault // shared: not to be changed
	VaultRev  int64
	Principal rbac.Principal
	Now       time.Time
	Object    string // what it was done to, for the audit record: a key identifier
	Name      string // in the audit record, instead of the operation's

	s        *Door
	note     string // in the record of a success
	recorded bool   // the record of a change was written ahead
	charged  bool   // it counted against the limits
	after    []func()
}

// After has f called once the operation is recorded and, if it changes something, committed.
func (tx *Tx) After(f func()) { tx.after = append(tx.after, f) }

// Scheduled says that the clock asked for the operation, not a caller.
func (tx *Tx) Scheduled() bool { return tx.Op.Info().system }

// Do is the one door: it lets act do op for the caller, or refuses. The error is an *akv.Error.
func (s *Door) Do(ctx context.Context, op Op, c *Call, act func(*Tx) error) error {
	tx := &Tx{s: s, DB: s.db, Ctx: ctx, Op: op, Call: c, Now: s.clock.Now()}
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
			tx.s.log.Error("panic in an operation", "operation", tx.Op.String(), "requestId", tx.Call.RequestID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = internal(http.StatusInternalServerError, code.VaultInternal, "An error occurred inside the vault; see its log for this request id.")
		}
	}()
	return act(tx)
}

// enter finds the vault, says who calls and whether they may.
func (tx *Tx) enter() error {
	c, info := tx.Call, tx.Op.Info()
	if c.Vault == "" {
		return unknownHost(c.Host)
	}
	v, err := tx.DB.Vault(tx.Ctx, c.Vault)
	if err != nil {
		return err
	}
	if v.Val == nil || v.Val.Deleted != nil {
		return unknownHost(c.Host)
	}
	tx.Vault, tx.VaultRev = v.Val, v.Rev
	c.TenantID, c.HSM, c.Region = v.Val.TenantID, v.Val.HSM, v.Val.Location
	if c.Token == "" {
		return Fail(http.StatusUnauthorized, akv.CodeUnauthorized, "", "AKV10000: Request is missing a Bearer or PoP token.")
	}
	if tx.Principal, err = tx.s.tokens.Validate(tx.Ctx, c.Token, c.Audience); err != nil {
		return err
	}
	if err := token.CheckTenant(tx.Principal, v.Val.TenantID); err != nil {
		return err
	}
	c.Known = true
	access, err := tx.DB.Access(tx.Ctx, c.Vault)
	if err != nil {
		return err
	}
	if tx.Op == OpUnknown {
		return c.Refused
	}
	var rules rbac.Access // denies everything
	if access.Val != nil {
		rules = access.Val.Access
	}
	kind := KindOf(v.Val)
	req := rbac.Request{
		Principal: tx.Principal, Kind: kind, VaultName: v.Val.Name, Location: v.Val.Location, ResourceID: ResourceID(v.Val),
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
			tx.s.log.Error("operation failed", "operation", tx.Op.String(), "requestId", tx.Call.RequestID, "error", err)
		}
		if tx.Call.HSM && api.Status != http.StatusUnauthorized {
			withID := *api
			withID.Message += " (Activity ID: " + tx.Call.RequestID + ")"
			api = &withID
		}
	}
	switch {
	case api == nil && tx.recorded:
		for _, f := range tx.after {
			f()
		}
		return nil
	case api == nil:
		if err := tx.record(audit.Success, http.StatusOK, tx.note); err != nil {
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
	tx.s.log.Error("audit record not written", "operation", tx.Op.String(), "requestId", tx.Call.RequestID, "error", err)
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
	c := tx.Call
	r := audit.Record{
		Time: tx.Now, Operation: cmp.Or(tx.Name, tx.Op.String()), APIVersion: c.Version.Name, Resource: c.Host, Object: tx.Object,
		Result: result, Status: status, Reason: reason, Duration: tx.s.clock.Now().Sub(tx.Now),
		CorrelationID: c.CorrelationID, RequestID: c.RequestID,
		ObjectID: tx.Principal.ObjectID, AppID: tx.Principal.AppID, TenantID: tx.Principal.TenantID,
		Client: c.Client, Assignment: c.Assignment,
	}
	if c.Addr.IsValid() {
		r.CallerIP = c.Addr.String()
	}
	if len(r.Client) > maxClient {
		r.Client = r.Client[:maxClient]
	}
	if tx.Vault != nil {
		r.Resource = ResourceID(tx.Vault)
		if r.Object == "" && c.Key != "" {
			r.Object = keyspec.View{Base: c.Base}.KID(c.Key, c.KeyVersion)
		}
	}
	if tx.Op == OpUnknown && r.Object == "" {
		r.Object = c.Address
	}
	return tx.s.audit.Append(context.WithoutCancel(tx.Ctx), r)
}

// Commit makes a batch durable, its record first. It is the only way of an operation to the store. A conflict may be
// answered by deciding anew and committing again: the record is written once.
func (tx *Tx) Commit(b *keydb.Batch) error {
	_, err := tx.CommitRev(b)
	return err
}

// CommitRev is Commit that tells the store's new revision.
func (tx *Tx) CommitRev(b *keydb.Batch) (rev int64, err error) {
	if !tx.Op.Info().Changes {
		return 0, fmt.Errorf("operation %v changes nothing", tx.Op)
	}
	if err := b.Prepared(); err != nil {
		return 0, code.Wrap(code.VaultSealed, "preparing a change", tx.vaultID(), err)
	}
	if !tx.recorded {
		if err := tx.record(audit.Success, http.StatusOK, tx.note); err != nil {
			return 0, tx.unrecorded(err)
		}
		tx.recorded = true
	}
	rev, err = b.Commit(context.WithoutCancel(tx.Ctx))
	switch {
	case err == nil:
		return rev, nil
	case errors.Is(err, store.ErrUnavailable):
		tx.s.log.Error("commit of unknown outcome", "operation", tx.Op.String(), "requestId", tx.Call.RequestID, "error", err)
		return 0, internal(http.StatusServiceUnavailable, code.VaultOutcomeUnknown, "The store failed during the change: it may have taken place or not. Read the key before repeating the call.")
	}
	return 0, err
}

// attempts is how often a change is decided anew when others were faster.
const attempts = 100

// Change runs decide, which reads and fills a batch, and commits, again while others are faster.
func (tx *Tx) Change(decide func(b *keydb.Batch) error) error {
	for i := 0; ; i++ {
		b := tx.DB.Batch()
		if err := decide(b); err != nil {
			return err
		}
		err := tx.Commit(b)
		if !errors.Is(err, store.ErrConflict) || i == attempts {
			return err
		}
		if err := tx.Ctx.Err(); err != nil {
			return err
		}
	}
}

// Charge lets the operation count, once, against the vault's limits. A Managed HSM has none.
func (tx *Tx) Charge(hsm bool, rsaBits int) error {
	if tx.charged || tx.Vault.HSM || tx.Op.Info().system {
		return nil
	}
	wait := tx.s.limits.Allow(throttle.Call{
		Subscription: tx.Vault.Subscription, Vault: tx.Vault.ID, Bucket: tx.Op.Info().Bucket, HSM: hsm, RSABits: rsaBits,
	})
	if wait == 0 {
		tx.charged = true
		return nil
	}
	e := Fail(http.StatusTooManyRequests, akv.CodeThrottled, "", "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached")
	e.RetryAfter = wait
	return e
}

// Opened guards against a handler that opened the door for one operation and does another.
func (tx *Tx) Opened(op Op) error {
	if tx.Op != op {
		return fmt.Errorf("operation %v was opened as %v", op, tx.Op)
	}
	return nil
}

func (tx *Tx) vaultID() string {
	if tx.Vault == nil {
		return ""
	}
	return tx.Vault.ID
}

func unknownHost(host string) error {
	if len(host) > 255 {
		host = host[:255]
	}
	return Fail(http.StatusNotFound, "VaultNotFound", "", "No vault has the host name %q (%v).", host, code.VaultUnknownHost)
}

// KindOf is the kind of a vault for decisions.
func KindOf(v *keydb.Vault) rbac.Kind {
	if v.HSM {
		return rbac.HSM
	}
	return rbac.Vault
}

// System opens the door for what happens by the clock: nobody calls, and nobody is asked whether they may. client names the
// cause in the audit record.
func (s *Door) System(ctx context.Context, op Op, v keydb.Entry[keydb.Vault], c *Call, act func(*Tx) error) error {
	if !op.Info().system {
		return fmt.Errorf("operation %v is not one of the clock's", op)
	}
	tx := &Tx{s: s, DB: s.db, Ctx: ctx, Op: op, Call: c, Now: s.clock.Now(), Vault: v.Val, VaultRev: v.Rev}
	if err := tx.leave(tx.act(act)); err != nil {
		return err
	}
	return nil
}
