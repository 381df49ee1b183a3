package compose

import (
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// certFiles serves a certificate from two files and reads them again when they changed, so that a renewal needs no restart.
type certFiles struct {
	fs        fsys.FS
	clock     clock.Clock
	cert, key string

	mu      sync.Mutex // guards what follows
	looked  time.Time
	changed [2]time.Time // modification times of what is loaded
	current *tls.Certificate
}

// lookEvery is how often at most the files are looked at.
const lookEvery = 10 * time.Second

// newCertFiles reads the files once, so that a wrong one is told at the start.
func newCertFiles(f fsys.FS, c clock.Clock, cert, key string) (*tls.Config, error) {
	files := &certFiles{fs: f, clock: c, cert: cert, key: key}
	if _, err := files.get(nil); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: files.get, MinVersion: tls.VersionTLS12}, nil
}

func (c *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	if c.current != nil && now.Sub(c.looked) < lookEvery {
		return c.current, nil
	}
	c.looked = now
	if err := c.loadLocked(); err != nil && c.current == nil {
		return nil, err
	}
	return c.current, nil // while the files are being replaced, the old pair goes on
}

func (c *certFiles) loadLocked() error {
	var changed [2]time.Time
	for i, name := range []string{c.cert, c.key} {
		fi, err := c.fs.Stat(name)
		if err != nil {
			return fmt.Errorf("reading the server's certificate: %w", err)
		}
		changed[i] = fi.ModTime()
	}
	if c.current != nil && changed == c.changed {
		return nil
	}
	cert, err := fsys.ReadFile(c.fs, c.cert, 1<<20)
	if err != nil {
		return fmt.Errorf("reading the server's certificate: %w", err)
	}
	key, err := fsys.ReadFile(c.fs, c.key, 1<<20)
	if err != nil {
		return fmt.Errorf("reading the server's key: %w", err)
	}
	defer secret.Wipe(key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("reading the server's certificate %q: %w", c.cert, err)
	}
	c.current, c.changed = &pair, changed
	return nil
}
