package entra

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Arc is the identity endpoint of an Azure Arc machine: it answers whoever can read a file in its directory, which clients
// want to be /var/opt/azcmagent/tokens. Make one with Authority.Arc and Close it when its listener has stopped.
type Arc struct {
	a   *Authority
	fs  fsys.FS
	dir string
	ids Identities

	mu  sync.Mutex
	out map[string]*arcChallenge // by the file's path
}

// arcChallenge is a key file that is out.
type arcChallenge struct {
	key *secret.Bytes
	end time.Time
}

// Bounds on key files.
const (
	arcKeyLife = 30 * time.Second // SDKs read the file at once
	maxArcKeys = 64               // out at the same time; further callers wait for one to expire (503)
)

// Arc makes the endpoint: plain http, loopback only. Dir is made if missing and belongs to this process alone; key files left
// there by an earlier process are removed. They are readable for this process's user only, so callers run as that user or
// as root.
func (a *Authority) Arc(dir string, ids Identities) (*Arc, error) {
	ids.Remote = false // a file proves nothing about another machine
	if err := a.c.FS.MkdirAll(dir, 0o750); err != nil {
		return nil, code.Wrap(code.EntraStateWrite, "making the directory of arc key files", dir, err)
	}
	list, err := a.c.FS.ReadDir(dir)
	if err != nil {
		return nil, code.Wrap(code.EntraStateWrite, "reading the directory of arc key files", dir, err)
	}
	for _, e := range list {
		name, ok := strings.CutSuffix(e.Name(), ".key")
		if _, err := uuid.Parse(name); ok && err == nil {
			if err := a.c.FS.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, code.Wrap(code.EntraStateWrite, "removing an old arc key file", filepath.Join(dir, e.Name()), err)
			}
		}
	}
	return &Arc{a: a, fs: a.c.FS, dir: dir, ids: ids, out: map[string]*arcChallenge{}}, nil
}

// ServeHTTP answers the first request with 401 and the path of a fresh key file, mode 0600; the second, with the file's text
// as Basic authorization, with a token. A key file is good once and for 30 seconds.
func (s *Arc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.a.newCall(w, r)
	q := c.identityRequest(&s.ids, "2019-11-01")
	if q == nil {
		return
	}
	auth := r.Header.Get("Authorization")
	if auth == "" {
		s.challenge(c)
		return
	}
	text, ok := strings.CutPrefix(auth, "Basic ")
	if !ok || len(text) > 4096 || !s.redeem(text, c.now) {
		f := noClient(0, "The key is not that of a key file of this endpoint, was used, or is too old.")
		if f = c.record(nil, clip(shown(q.clientID), 64), "", f); f != nil {
			c.identityError(f.status, f.kind, f.text)
		}
		return
	}
	c.identityToken(&s.ids, q)
}

func (s *Arc) challenge(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(c.now)
	if len(s.out) >= maxArcKeys {
		c.w.Header().Set("Retry-After", "5")
		c.identityError(http.StatusServiceUnavailable, "temporarily_unavailable", "Too many key files are out.")
		return
	}
	random := make([]byte, 32)
	rand.Read(random)
	text := make([]byte, base64.RawURLEncoding.EncodedLen(len(random)))
	base64.RawURLEncoding.Encode(text, random)
	secret.Wipe(random)
	key := secret.Take(text)
	path := filepath.Join(s.dir, uuid.NewString()+".key")
	if err := s.write(path, key); err != nil {
		key.Destroy()
		s.a.c.Log.Error("writing an arc key file", "path", path, "error", err)
		c.identityError(http.StatusInternalServerError, "server_error", "The key file could not be written.")
		return
	}
	s.out[path] = &arcChallenge{key: key, end: c.now.Add(arcKeyLife)}
	c.w.Header().Set("WWW-Authenticate", "Basic realm="+path)
	c.identityError(http.StatusUnauthorized, "unauthorized", "Authorize with the content of the key file.")
}

// write makes the file; nobody else can have it open before its mode is set, as it is made exclusively.
func (s *Arc) write(path string, key *secret.Bytes) error {
	f, err := s.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(key.Expose(), 0) // not synced: after a crash it must not be valid anyway
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = s.fs.Remove(path)
	}
	return err
}

// redeem uses up the key with that text.
func (s *Arc) redeem(text string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(now)
	hit := ""
	for path, c := range s.out { // all of them, in constant time each
		if c.key.Equal([]byte(text)) {
			hit = path
		}
	}
	if hit == "" {
		return false
	}
	s.dropLocked(hit)
	return true
}

func (s *Arc) sweepLocked(now time.Time) {
	for path, c := range s.out {
		if !now.Before(c.end) {
			s.dropLocked(path)
		}
	}
}

func (s *Arc) dropLocked(path string) {
	s.out[path].key.Destroy()
	delete(s.out, path)
	if err := s.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.a.c.Log.Warn("removing an arc key file", "path", path, "error", err)
	}
}

// Close removes the key files that are out.
func (s *Arc) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.out {
		s.dropLocked(path)
	}
	return nil
}
