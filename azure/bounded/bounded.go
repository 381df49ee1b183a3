// Package bounded has the two ends of an HTTP exchange that may carry a secret: a request's body that is wiped when it is
// closed, and a reply's that is read to a limit and no further.
package bounded

import (
	"errors"
	"io"
	"sync"

	"latchkey/internal/secret"
)

// requestBody sends bytes that are wiped once the call is over. The transport may still read it then, on a goroutine of its own
// (a reply can come before the request was sent): Close stops that, and every reader owns a copy.
type requestBody struct {
	mu   sync.Mutex
	data []byte
	at   int
}

// Body is a request's body with a copy of b.
func Body(b []byte) io.ReadCloser { return &requestBody{data: append([]byte(nil), b...)} }

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at >= len(b.data) {
		return 0, io.EOF
	}
	n := copy(p, b.data[b.at:])
	b.at += n
	return n, nil
}

func (b *requestBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	secret.Wipe(b.data)
	b.data = nil
	return nil
}

// ReadAll reads r to its end; size is a hint, -1 if unknown.
func ReadAll(r io.Reader, size int64) ([]byte, error) {
	const most = 64 << 10
	if size < 0 || size > most {
		size = 512
	}
	b := make([]byte, 0, size+1)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			secret.Wipe(b)
			return nil, err
		}
		if len(b) == cap(b) {
			old := b
			b = append(make([]byte, 0, 2*cap(old)), old...)
			secret.Wipe(old)
		}
	}
}

// Limit is r, but a read beyond n bytes fails with ErrTooLarge.
func Limit(r io.ReadCloser, n int64) io.ReadCloser { return &limit{r, n} }

type limit struct {
	io.ReadCloser
	left int64
}

// ErrTooLarge is a reply over its limit.
var ErrTooLarge = errors.New("the reply is larger than this client reads")

func (b *limit) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.ReadCloser.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, ErrTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
