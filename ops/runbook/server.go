package runbook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Server is what plans ask of a SQL Server.
type Server struct{ *sql.DB }

// Protector is how a database is encrypted.
type Protector struct {
	Database   string
	State      int // encryption_state; 0 without a key, 3 encrypted
	Kind       string
	Thumbprint []byte
}

// Caller is the login that runs the plan.
func (s Server) Caller(ctx context.Context) (login string, err error) {
	err = s.QueryRowContext(ctx, "SELECT SUSER_SNAME()").Scan(&login)
	return login, err
}

// Allowed refuses a caller who lacks what set-up and rotation need.
func (s Server) Allowed(ctx context.Context) error {
	var allowed sql.NullInt64
	if err := s.QueryRowContext(ctx, "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER')").Scan(&allowed); err != nil {
		return err
	}
	if allowed.Int64 != 1 {
		return errors.New("the login needs CONTROL SERVER")
	}
	return nil
}

// Own reports one of Latchkey's database servers. Those tell key stores by themselves what they need.
func (s Server) Own(ctx context.Context) (bool, error) {
	return s.Has(ctx, "SELECT CASE WHEN OBJECT_ID('msdb.dbo.latchkey_backupkey') IS NULL THEN 0 ELSE 1 END")
}

// Option is the running value of a server option; false if the server has none of that name.
func (s Server) Option(ctx context.Context, name string) (value int, ok bool, err error) {
	err = s.QueryRowContext(ctx, "SELECT CAST(value_in_use AS int) FROM sys.configurations WHERE name = @p1", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return value, err == nil, err
}

// Has reports whether a query that counts gives more than 0.
func (s Server) Has(ctx context.Context, query string, args ...any) (bool, error) {
	var n int
	err := s.QueryRowContext(ctx, query, args...).Scan(&n)
	return n > 0, err
}

// Mapped reports whether a login has a credential.
func (s Server) Mapped(ctx context.Context, login, credential string) (bool, error) {
	return s.Has(ctx, `SELECT COUNT(*) FROM sys.server_principal_credentials AS m JOIN sys.server_principals AS p ON p.principal_id = m.principal_id
JOIN sys.credentials AS c ON c.credential_id = m.credential_id WHERE p.name = @p1 AND c.name = @p2`, login, credential)
}

// KeyThumbprint is that of an asymmetric key of master; nil if there is none.
func (s Server) KeyThumbprint(ctx context.Context, key string) ([]byte, error) {
	var t []byte
	err := s.QueryRowContext(ctx, "SELECT thumbprint FROM master.sys.asymmetric_keys WHERE name = @p1", key).Scan(&t)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// Protectors are all databases that have a key, by name.
func (s Server) Protectors(ctx context.Context) ([]Protector, error) {
	rows, err := s.QueryContext(ctx, `SELECT d.name, k.encryption_state, ISNULL(k.encryptor_type, ''), k.encryptor_thumbprint FROM sys.dm_database_encryption_keys AS k
JOIN sys.databases AS d ON d.database_id = k.database_id WHERE d.name <> 'tempdb' ORDER BY d.name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Protector
	for rows.Next() {
		var p Protector
		if err := rows.Scan(&p.Database, &p.State, &p.Kind, &p.Thumbprint); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// Protector is that of one database; State 0 if it has no key. An error if there is no such database.
func (s Server) Protector(ctx context.Context, database string) (Protector, error) {
	there, err := s.Has(ctx, "SELECT COUNT(*) FROM sys.databases WHERE name = @p1", database)
	if err != nil {
		return Protector{}, err
	}
	if !there {
		return Protector{}, fmt.Errorf("there is no database %q", database)
	}
	p := Protector{Database: database}
	err = s.QueryRowContext(ctx, `SELECT encryption_state, ISNULL(encryptor_type, ''), encryptor_thumbprint FROM sys.dm_database_encryption_keys
WHERE database_id = DB_ID(@p1)`, database).Scan(&p.State, &p.Kind, &p.Thumbprint)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	return p, err
}
