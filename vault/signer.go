package vault

import (
	"context"
	"sync"

	"latchkey/vault/keydb"
)

// lazySigner makes the signer when it is first needed: most installations never release a key.
type lazySigner struct {
	make func(ctx context.Context, db *keydb.DB) (Signer, error)
	mu   sync.Mutex
	got  Signer
}

func (l *lazySigner) get(ctx context.Context, db *keydb.DB) (Signer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.got != nil || l.make == nil {
		return l.got, nil
	}
	s, err := l.make(ctx, db)
	if err != nil {
		return nil, err
	}
	l.got = s
	return s, nil
}
