package conn

import (
	"context"
	"errors"
	"io"

	"latchkey/engine/tds"
)

// BulkStream is the rows of a bulk load as they arrive. A load that ends otherwise than by its last packet fails for the session: the
// client gave it up or cancelled it, is gone, or sent nothing for Config.ReadTimeout, during which the session keeps its locks. What is
// left when the session fails is read and thrown away, a packet at a time, and the answer follows behind it, where clients look for it.
type BulkStream struct {
	chunks <-chan []byte
	d      *tds.BulkDecoder
	ended  bool
	budget *Budget
	taken  int
}

// Columns reads up to the metadata and returns it.
func (s *BulkStream) Columns(ctx context.Context) ([]tds.Column, error) {
	for s.d.Columns() == nil {
		if err := s.more(ctx); err != nil {
			return nil, err
		}
		if s.d.Columns() == nil {
			s.d.Peek()
		}
	}
	return s.d.Columns(), nil
}

// Next is the next row's cells, nil ones being NULL, valid until the next call; io.EOF behind the last row.
func (s *BulkStream) Next(ctx context.Context) ([][]byte, error) {
	for {
		cells, err := s.d.Next()
		if !errors.Is(err, tds.ErrIncomplete) {
			return cells, err
		}
		if err := s.more(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *BulkStream) more(ctx context.Context) error {
	select {
	case b, ok := <-s.chunks:
		switch {
		case ok:
		case ctx.Err() != nil: // the end of what came, not of the load: the client is gone, or gave it up
			return ctx.Err()
		case !s.ended:
			s.ended = true
			s.d.End()
			return nil
		default:
			if err := s.d.Close(); err != nil {
				return err
			}
			return io.EOF
		}
		if _, err := s.d.Write(b); err != nil {
			return err
		}
		if n := s.d.Size(); n > s.taken {
			if !s.budget.take(n - s.taken) {
				return noMemory()
			}
			s.taken = n
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain reads what the session left.
func (s *BulkStream) drain() {
	for range s.chunks {
	}
	s.budget.give(s.taken)
	s.taken = 0
}
