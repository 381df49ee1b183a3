package azure

import (
	"io"
	"sync"

	"latchkey/internal/secret"
)

// body sends bytes that are wiped once the call is over. The transport may still read it then, on a goroutine of its own
// (a reply can come before the request was sent): Close stops that, and every reader owns a copy.
type requestBody struct {
	mu   sync.Mutex
	data []byte
	at   int
}

func newBody(b []byte) io.ReadCloser { return &requestBody{data: append([]byte(nil), b...)} }

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

// readAll reads r to its end; size is a hint, -1 if unknown.
func readAll(r io.Reader, size int64) ([]byte, error) {
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
