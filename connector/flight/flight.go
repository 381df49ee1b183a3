// Package flight makes identical requests for a secret that run at the same time one request. It differs from
// golang.org/x/sync/singleflight in what matters for secrets and deadlines: each caller owns and destroys a copy of its own, and
// a caller that gives up ends the request only if nobody else waits for it.
package flight

import (
	"context"
	"sync"

	"latchkey/internal/secret"
)

// Group makes identical requests that run at the same time one. The request belongs to none of its callers: it goes on while
// one of them waits, and ends when the last has given up. Each caller gets its own copy of the secret; the first is destroyed.
type Group struct {
	mu sync.Mutex
	m  map[string]*request
}

type request struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	result  *secret.Bytes
	err     error
}

// Do runs f under key, or joins who runs it. f's context has ctx's values, not its end; start begins f's goroutine.
func (fs *Group) Do(ctx context.Context, key string, start func(func()), f func(context.Context) (*secret.Bytes, error)) (s *secret.Bytes, shared bool, err error) {
	var fctx context.Context
	fs.mu.Lock()
	fl, shared := fs.m[key]
	if !shared {
		if fs.m == nil {
			fs.m = map[string]*request{}
		}
		fl = &request{done: make(chan struct{})}
		fctx, fl.cancel = context.WithCancel(context.WithoutCancel(ctx))
		fs.m[key] = fl
	}
	fl.waiting++
	fs.mu.Unlock()
	if !shared {
		start(func() { fs.run(fctx, key, fl, f) })
	}

	gaveUp := false
	select {
	case <-fl.done:
	case <-ctx.Done():
		gaveUp = true
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fl.waiting--
	last := fl.waiting == 0
	if gaveUp {
		if last { // nobody is left; whoever comes now must not join a request that is being ended
			fl.cancel()
			if fs.m[key] == fl {
				delete(fs.m, key)
			}
			fl.result.Destroy()
		}
		return nil, shared, context.Cause(ctx)
	}
	if fl.err != nil {
		return nil, shared, fl.err
	}
	s = fl.result.Clone()
	if last {
		fl.result.Destroy()
	}
	return s, shared, nil
}

func (fs *Group) run(ctx context.Context, key string, fl *request, f func(context.Context) (*secret.Bytes, error)) {
	defer fl.cancel()
	result, err := f(ctx)
	fs.mu.Lock()
	fl.result, fl.err = result, err
	if fs.m[key] == fl {
		delete(fs.m, key)
	}
	if fl.waiting == 0 {
		fl.result.Destroy()
	}
	fs.mu.Unlock()
	close(fl.done)
}

// Waiting is how many callers wait now.
func (fs *Group) Waiting() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := 0
	for _, r := range fs.m {
		n += r.waiting
	}
	return n
}
