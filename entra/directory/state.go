package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"latchkey/audit"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

// The state file. Version 1: see DESIGN.md. A newer version is refused, never guessed at.
const (
	fileFormat  = "latchkey-entra"
	fileVersion = 1
	sealName    = "entra/state/1"
	maxState    = 64 << 20 // bytes
)

type file struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	Seal    []byte          `json:"seal"` // SHA-256 of State's bytes, sealed under sealName
	State   json.RawMessage `json:"state"`
}

func encodeState(s *state, sealer Sealer) ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	seal, err := sealer.Seal(sealName, sum[:])
	if err != nil {
		return nil, code.Wrap(code.EntraSeal, "sealing the state", "", err)
	}
	out, err := json.Marshal(file{Format: fileFormat, Version: fileVersion, Seal: seal, State: body})
	if err != nil {
		return nil, err
	}
	if len(out) > maxState {
		return nil, fmt.Errorf("the state has %d bytes: at most %d", len(out), maxState)
	}
	return append(out, '\n'), nil
}

func decodeState(raw []byte, sealer Sealer) (*state, error) {
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, code.Wrap(code.EntraStateDamaged, "parsing", "", err)
	}
	switch {
	case f.Format != fileFormat:
		return nil, code.Wrap(code.EntraStateDamaged, "parsing", "", fmt.Errorf("format %q is not %q", f.Format, fileFormat))
	case f.Version != fileVersion:
		return nil, code.Wrap(code.EntraStateDamaged, "parsing", "", fmt.Errorf("version %d was written by another program; this one reads version %d", f.Version, fileVersion))
	}
	want, err := sealer.Open(sealName, f.Seal)
	if err != nil {
		return nil, code.Wrap(code.EntraSeal, "unsealing the digest", "", err)
	}
	var compact bytes.Buffer // a pretty-printed file is the same state
	if err := json.Compact(&compact, f.State); err != nil {
		return nil, code.Wrap(code.EntraStateDamaged, "parsing", "", err)
	}
	if sum := sha256.Sum256(compact.Bytes()); !bytes.Equal(sum[:], want) {
		return nil, code.Wrap(code.EntraStateDamaged, "checking", "", errors.New("the content does not match its sealed digest: the file was changed"))
	}
	s := &state{}
	dec := json.NewDecoder(bytes.NewReader(f.State))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return nil, code.Wrap(code.EntraStateDamaged, "parsing", "", err)
	}
	return s, nil
}

// codeOr is the code that err carries, or other.
func codeOr(err error, other code.Code) code.Code {
	if c := code.Of(err); c != 0 {
		return c
	}
	return other
}

// change describes an alteration for the audit log.
type change struct {
	op     string // "AppCreate", ...
	tenant string
	object string // what is altered: a client id, a key id
	app    string
}

// alter makes one durable change: edit works on a copy, the audit record is written, then the file, and only then do
// others see it. On an error nothing changed for them; after a failed write the file may hold either state.
func (d *Directory) alter(ctx context.Context, ch change, edit func(*state) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.state.Load().clone()
	if err != nil {
		return err
	}
	if err := edit(next); err != nil {
		return err
	}
	return d.commitLocked(ctx, ch, next, nil)
}

// commitLocked records and saves next; ring is the key ring if the keys changed.
func (d *Directory) commitLocked(ctx context.Context, ch change, next *state, ring *keyRing) error {
	view, err := newView(next)
	if err != nil {
		return code.Wrap(code.EntraInvalid, "changing the token authority's state", ch.object, err)
	}
	raw, err := encodeState(next, d.c.Sealer)
	if err != nil {
		return code.Wrap(codeOr(err, code.EntraStateWrite), "writing the token authority's state", d.path, err)
	}
	rec := audit.Record{
		Time: d.c.Clock.Now().UTC(), Operation: ch.op, Resource: tenantResource(ch.tenant), Object: ch.object,
		Result: audit.Success, AppID: ch.app, TenantID: ch.tenant,
	}
	if err := d.c.Audit.Append(ctx, rec); err != nil {
		return code.Wrap(code.EntraAudit, "recording a change of the token authority", ch.object, err)
	}
	if err := fsys.WriteFile(d.c.FS, d.path, raw, 0o600); err != nil {
		rec.Result, rec.Reason = audit.Failed, "the state could not be written"
		return code.Wrap(code.EntraStateWrite, "writing the token authority's state", d.path, errors.Join(err, d.c.Audit.Append(ctx, rec)))
	}
	if ring == nil {
		ring = d.keys.Load()
	}
	d.adopt(view, ring)
	return nil
}

func tenantResource(id string) string {
	if id == "" {
		return ""
	}
	return "/tenants/" + id
}
