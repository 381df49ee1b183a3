package agent

import (
	"context"
	"errors"
	"fmt"

	"latchkey/agent/frame"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"
)

// maxListed bounds the list that an enumeration of keys makes.
const maxListed = 10_000

// open makes a session of the connection.
func (c *conn) open(ctx context.Context, body []byte) error {
	if c.session != nil {
		return invalid(errors.New("a session is open on this connection already"))
	}
	m, err := frame.ParseOpenRequest(body)
	if err != nil {
		return invalid(err)
	}
	cred, err := credential(m)
	if err != nil {
		return invalid(err)
	}
	session, err := c.gen.provider.OpenSession(ctx, cred)
	if err != nil {
		if cred != nil {
			cred.Secret.Destroy()
		}
		return err
	}
	c.session, c.cred = session, cred
	c.opened.Store(true)
	c.s.sessions.Add(1)
	if m.Flags&frame.OpenAgain != 0 {
		c.s.log.Debug("a session was opened again", "account", c.pc.Peer.Account, "pid", c.pc.Peer.PID)
	}
	return nil
}

// credential is what the database server handed over; nil if nothing.
func credential(m frame.OpenRequest) (*ekm.Credential, error) {
	if m.Flags&frame.OpenCredential == 0 {
		return nil, nil
	}
	identity, err := frame.Text(m.Identity)
	if err != nil {
		return nil, fmt.Errorf("reading the identity: %w", err)
	}
	name, err := frame.Text(m.Name)
	if err != nil {
		return nil, fmt.Errorf("reading the credential's name: %w", err)
	}
	cred := &ekm.Credential{Name: name, Identity: identity}
	if len(m.Secret) == 0 {
		return cred, nil
	}
	// Two bytes of UTF-16 become at most three of UTF-8, so nothing is moved and left behind.
	text, err := frame.AppendUTF8(make([]byte, 0, len(m.Secret)/2*3), m.Secret)
	if err != nil {
		secret.Wipe(text[:cap(text)])
		return nil, fmt.Errorf("reading the secret: %w", err)
	}
	cred.Secret = secret.Take(text)
	return cred, nil
}

// closeSession ends the session in order; the connection follows.
func (c *conn) closeSession() error {
	s := c.session
	if s == nil {
		return nil
	}
	c.session = nil
	c.s.sessions.Add(-1)
	err := s.Close(false)
	if c.cred != nil {
		c.cred.Secret.Destroy()
	}
	return err
}

// find answers what reads keys.
func (c *conn) find(ctx context.Context, op frame.Op, body, out []byte) ([]byte, error) {
	switch op {
	case frame.KeyByName:
		m, err := frame.ParseNameRequest(body)
		if err != nil {
			return nil, invalid(err)
		}
		name, err := frame.Text(m.Name)
		if err != nil {
			return nil, invalid(err)
		}
		k, err := c.session.KeyByName(ctx, name)
		return appendKey(out, 0, k, err)
	case frame.KeyByThumb:
		m, err := frame.ParseThumb(body)
		if err != nil {
			return nil, invalid(err)
		}
		k, err := c.session.KeyByThumbprint(ctx, ekm.Thumbprint(m.Thumbprint))
		return appendKey(out, 0, k, err)
	case frame.KeyNext, frame.KeyByID:
		return c.list(ctx, op, body, out)
	}
	m, err := frame.ParseThumb(body)
	if err != nil {
		return nil, invalid(err)
	}
	k, err := c.session.PublicKey(ctx, ekm.Thumbprint(m.Thumbprint))
	if err != nil {
		return nil, err
	}
	blob, err := frame.PublicBlobOf(k)
	if err != nil {
		return nil, code.Wrap(code.Failure, "exporting the key", "", err)
	}
	return blob.Append(out), nil
}

func appendKey(out []byte, id uint32, k ekm.KeyInfo, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	m, err := frame.KeyOf(id, k)
	if err != nil {
		return nil, code.Wrap(code.Failure, "describing the key", k.URI, err)
	}
	return m.Append(out), nil
}

// list enumerates keys: the first step makes the list, ids are positions in it.
func (c *conn) list(ctx context.Context, op frame.Op, body, out []byte) ([]byte, error) {
	m, err := frame.ParseNumber(body)
	if err != nil {
		return nil, invalid(err)
	}
	id := m.Value
	if op == frame.KeyNext {
		if id == 0 {
			c.keys = nil
			for k, err := range c.session.Keys(ctx) {
				if err != nil {
					return nil, err
				}
				if len(c.keys) == maxListed {
					return nil, code.Wrap(code.Failure, "listing keys", "", fmt.Errorf("there are over %d", maxListed))
				}
				c.keys = append(c.keys, k)
			}
		}
		id++ // of the greatest number it becomes 0, which is none
	}
	if id == 0 || uint64(id) > uint64(len(c.keys)) {
		return nil, code.Wrap(code.NotFound, "listing keys", "", &keystore.Failure{Class: keystore.Missing, Detail: "no more keys"})
	}
	return appendKey(out, id, c.keys[id-1], nil)
}

// crypt wraps and unwraps. Every buffer that holds the plain text is overwritten, here or by who answers.
func (c *conn) crypt(ctx context.Context, op frame.Op, body, out []byte) ([]byte, error) {
	if op == frame.Wrap {
		m, err := frame.ParseWrapRequest(body)
		if err != nil {
			return nil, invalid(err)
		}
		plain := secret.Take(m.Plain)
		defer plain.Destroy()
		w, err := c.session.Wrap(ctx, ekm.Thumbprint(m.Thumb), plain)
		if err != nil {
			return nil, err
		}
		if len(w.Blob) == 0 || len(w.Blob) > ekm.MaxBlobLen {
			return nil, code.Wrap(code.ProviderError, "wrapping", "", fmt.Errorf("the provider gave %d bytes", len(w.Blob)))
		}
		return frame.Wrapped{Blob: w.Blob, Algorithm: w.Algorithm}.Append(out), nil
	}
	m, err := frame.ParseUnwrapRequest(body)
	if err != nil {
		return nil, invalid(err)
	}
	plain, err := c.session.Unwrap(ctx, ekm.Thumbprint(m.Thumb), ekm.Wrapped{Algorithm: m.Algorithm, Blob: m.Blob})
	if err != nil {
		return nil, err
	}
	defer plain.Destroy()
	if plain.Len() > frame.MaxPlain {
		return nil, code.Wrap(code.ProviderError, "unwrapping", "", fmt.Errorf("the provider gave %d bytes", plain.Len()))
	}
	return frame.Plain{Plain: plain.Expose()}.Append(out), nil
}
