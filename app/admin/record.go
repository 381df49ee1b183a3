package admin

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"latchkey/audit"
	"latchkey/ekm/code"
)

// change records an operation that is not the vault's or the token authority's own, then does it. When the record cannot be written
// nothing is done; when the operation fails, a second record with the same request id withdraws the first.
func (p *parts) change(ctx context.Context, operation, object string, do func() error) error {
	// A record half asked for would be worse than a finished one: a client that goes away does not end it.
	ctx = context.WithoutCancel(ctx)
	rec := p.newRecord(operation, object)
	if err := p.in.Audit.Append(ctx, rec); err != nil {
		return code.Wrap(code.VaultAuditRefused, "recording the operation", operation, err)
	}
	err := do()
	if err == nil {
		return nil
	}
	rec.Result, rec.Reason = audit.Failed, reason(err)
	return errors.Join(err, p.in.Audit.Append(ctx, rec))
}

// read does an operation that changes nothing, and records how it ended before anybody gets its result.
func (p *parts) read(ctx context.Context, operation, object string, do func() error) error {
	rec := p.newRecord(operation, object)
	err := do()
	if err != nil {
		rec.Result, rec.Reason = audit.Failed, reason(err)
	}
	if aerr := p.in.Audit.Append(context.WithoutCancel(ctx), rec); aerr != nil {
		return errors.Join(err, code.Wrap(code.VaultAuditRefused, "recording the operation", operation, aerr))
	}
	return err
}

func (p *parts) newRecord(operation, object string) audit.Record {
	return audit.Record{
		Time: p.in.Clock.Now().UTC(), Operation: operation, Object: object, Result: audit.Success, RequestID: uuid.NewString(), Client: "operator",
	}
}

// reason is the code of an error, which holds nothing of what was read.
func reason(err error) string {
	if c := code.Of(err); c != 0 {
		return c.String()
	}
	return "Failed"
}
