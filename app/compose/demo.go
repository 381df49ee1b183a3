package compose

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/app/running"
)

// The names of the documented set-up in a demonstration.
const (
	demoProvider   = "AzureKeyVault_EKM"
	demoCredential = "LatchkeyCredential"
	demoKey        = "LatchkeyDemoKey"
	demoLogin      = "LatchkeyDemoLogin"
)

// demo runs the documented set-up through SQL, as a person would type it. What is there already is left: each step looks first.
func (u *Up) demo(ctx context.Context, secrets *running.Secrets) error {
	connector, err := mssql.NewConnector(u.Info.DSN(secrets))
	if err != nil {
		return errors.New("the server's own address cannot be used") // the driver's error may hold the password
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var there int
	if err := conn.QueryRowContext(ctx, mapped(demoLogin)).Scan(&there); err != nil {
		return err
	}
	if there > 0 {
		return nil // that is the last step
	}
	for _, s := range u.demoSteps(secrets) {
		if s.look != "" {
			if err := conn.QueryRowContext(ctx, s.look).Scan(&there); err != nil {
				return fmt.Errorf("looking for the %s: %w", s.what, err)
			}
			if there > 0 {
				continue
			}
		}
		if _, err := conn.ExecContext(ctx, s.statement); err != nil {
			return fmt.Errorf("making the %s: %w", s.what, err)
		}
	}
	return nil
}

// mapped counts the credentials of a login.
func mapped(login string) string {
	return "SELECT COUNT(*) FROM sys.server_principal_credentials m JOIN sys.server_principals p ON p.principal_id = m.principal_id WHERE p.name = N'" + login + "'"
}

// demoStep is a statement, and a query that is over 0 if it is done.
type demoStep struct{ what, look, statement string }

func (u *Up) demoSteps(secrets *running.Secrets) []demoStep {
	count := func(view, name string) string {
		return "SELECT COUNT(*) FROM " + view + " WHERE name = N'" + name + "'"
	}
	credential := u.Info.CredentialSecret(secrets)
	defer credential.Destroy()
	return []demoStep{
		{"option", "", "EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE;"},
		{"provider", count("sys.cryptographic_providers", demoProvider), "CREATE CRYPTOGRAPHIC PROVIDER " + demoProvider + " FROM FILE = '" + providerFiles()[1] + "';"},
		{"credential", count("sys.credentials", demoCredential), "CREATE CREDENTIAL " + demoCredential + " WITH IDENTITY = '" + VaultName + "', SECRET = '" +
			strings.ReplaceAll(string(credential.Expose()), "'", "''") + "' FOR CRYPTOGRAPHIC PROVIDER " + demoProvider + ";"},
		{"mapping", "SELECT (" + mapped(SQLLogin) + ") + (" + count("sys.asymmetric_keys", demoKey) + ")", "ALTER LOGIN [" + SQLLogin + "] ADD CREDENTIAL " + demoCredential + ";"},
		{"key", count("sys.asymmetric_keys", demoKey), "CREATE ASYMMETRIC KEY " + demoKey + " FROM PROVIDER " + demoProvider +
			" WITH PROVIDER_KEY_NAME = '" + KeyName + "', CREATION_DISPOSITION = OPEN_EXISTING;"},
		{"room for the key's login", strings.Replace(mapped(SQLLogin), "COUNT(*)", "1 - COUNT(*)", 1), "ALTER LOGIN [" + SQLLogin + "] DROP CREDENTIAL " + demoCredential + ";"},
		{"login of the key", count("sys.server_principals", demoLogin), "CREATE LOGIN " + demoLogin + " FROM ASYMMETRIC KEY " + demoKey + ";"},
		{"login's credential", "", "ALTER LOGIN " + demoLogin + " ADD CREDENTIAL " + demoCredential + ";"},
	}
}
