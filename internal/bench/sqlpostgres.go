package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"latchkey/internal/clock"
)

// postgres is a private PostgreSQL with the settings that initdb makes (fsync on, 128 MB of shared buffers), and TLS.
type postgres struct {
	cmd  *exec.Cmd
	dir  string
	port int
}

// errNoPostgres says what is missing.
var errNoPostgres = errors.New("no PostgreSQL: neither postgres and initdb in PATH nor in /usr/lib/postgresql/*/bin")

// postgresProgram finds a program of PostgreSQL.
func postgresProgram(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(all) == 0 {
		return "", errNoPostgres
	}
	slices.Sort(all)
	return all[len(all)-1], nil
}

// startPostgres makes a cluster in a directory of its own and starts it; as another user where this one is root, which PostgreSQL refuses.
func startPostgres(ctx context.Context) (_ *postgres, err error) {
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return nil, err
	}
	program, err := postgresProgram("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "latchkey-bench-pg")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	var as *user.User
	if os.Geteuid() == 0 {
		if as, err = user.Lookup("postgres"); err != nil {
			if as, err = user.Lookup("nobody"); err != nil {
				return nil, err
			}
		}
		if err := chown(dir, as); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) (*exec.Cmd, error) {
		c := exec.CommandContext(ctx, name, args...)
		c.Dir = dir
		return c, runAs(c, as)
	}
	cmd, err := run(initdb, "-D", data, "-A", "trust", "-U", "bench", "--no-sync")
	if err != nil {
		return nil, err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := writeCertificate(data, as); err != nil {
		return nil, err
	}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	p.cmd, err = run(program, "-D", data, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+dir, "-c", "ssl=on")
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	db, err := p.open(false)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for range 150 {
		if err = db.PingContext(ctx); err == nil {
			return p, nil
		}
		if err := clock.Sleep(ctx, clock.System{}, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the server did not answer: %w", err)
}

// open connects; the certificate is not checked, which costs a handshake nothing to speak of.
func (p *postgres) open(encrypt bool) (*sql.DB, error) { return p.openWith(encrypt, "") }

// openWith connects with more settings, each behind an "&".
func (p *postgres) openWith(encrypt bool, more string) (*sql.DB, error) {
	mode := "disable"
	if encrypt {
		mode = "require"
	}
	return sql.Open("pgx", fmt.Sprintf("postgres://bench@127.0.0.1:%d/postgres?sslmode=%s%s", p.port, mode, more))
}

// encryption says what an encrypted connection uses.
func (p *postgres) encryption(ctx context.Context) (with string, err error) {
	db, err := p.open(true)
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&with)
	return with, err
}

// stop ends the server at once and removes it.
func (p *postgres) stop() error {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(os.Interrupt) // PostgreSQL's fast shutdown
		_ = p.cmd.Wait()
	}
	return os.RemoveAll(p.dir)
}

// processes are the server's: the first and its children.
func (p *postgres) processes() []int {
	pid := p.cmd.Process.Pid
	list := []int{pid}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for f := range strings.FieldsSeq(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			list = append(list, n)
		}
	}
	return list
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// writeCertificate makes the server's certificate.
func writeCertificate(dir string, owner *user.User) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
	}{{"server.crt", "CERTIFICATE", cert}, {"server.key", "PRIVATE KEY", der}} {
		name := filepath.Join(dir, f.name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return err
		}
		if err := chown(name, owner); err != nil {
			return err
		}
	}
	return nil
}

func chown(name string, to *user.User) error {
	if to == nil {
		return nil
	}
	uid, err := strconv.Atoi(to.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(to.Gid)
	if err != nil {
		return err
	}
	return os.Chown(name, uid, gid)
}
