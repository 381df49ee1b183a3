// Package seed makes the rows that every server and every database has from the start: fixed principals, roles and schemas, the
// system databases, what public may do. [Server] fills an empty draft; [Database] the rows of one new database.
//
// Ids, names and sids are those of a real server: sa is 1 with the sid 0x01 and disabled, master is 1, the first user database 5.
package seed

import (
	"crypto/rand"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
)

// What new databases have.
const (
	Collation     = "SQL_Latin1_General_CP1_CI_AS"
	Language      = "us_english"
	Compatibility = 160
)

var serverRoles = []struct {
	id   int
	name string
}{
	{model.PublicRole, "public"},
	{model.SysAdmin, "sysadmin"},
	{model.SecurityAdmin, "securityadmin"},
	{model.ServerAdmin, "serveradmin"},
	{model.SetupAdmin, "setupadmin"},
	{model.ProcessAdmin, "processadmin"},
	{model.DiskAdmin, "diskadmin"},
	{model.DBCreator, "dbcreator"},
	{model.BulkAdmin, "bulkadmin"},
}

var databaseRoles = []struct {
	id   int
	name string
}{
	{model.DBOwner, "db_owner"},
	{model.DBAccessAdmin, "db_accessadmin"},
	{model.DBSecurityAdmin, "db_securityadmin"},
	{model.DBDDLAdmin, "db_ddladmin"},
	{model.DBBackupOperator, "db_backupoperator"},
	{model.DBDataReader, "db_datareader"},
	{model.DBDataWriter, "db_datawriter"},
	{model.DBDenyDataReader, "db_denydatareader"},
	{model.DBDenyDataWriter, "db_denydatawriter"},
}

// SA is the sid of sa.
func SA() []byte { return []byte{1} }

// GUID is a new random GUID in RFC 4122 byte order.
func GUID() [16]byte {
	var g [16]byte
	rand.Read(g[:])
	g[6] = g[6]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

// Server fills an empty draft.
func Server(s *model.State, now time.Time) {
	s.Logins.Put(0, model.SA, &model.Login{
		ID: model.SA, Name: "sa", SID: SA(), Kind: model.SQLLogin, Disabled: true, Created: now, Modified: now,
		DefaultDatabase: "master", DefaultLanguage: Language, PolicyChecked: true,
	})
	for _, r := range serverRoles {
		s.Logins.Put(0, r.id, &model.Login{
			ID: r.id, Name: r.name, SID: model.IDBytes(r.id), Kind: model.ServerRole, Created: now, Modified: now, Owner: model.SA, Fixed: true,
		})
	}
	s.Members.Put(0, 1, &model.Member{Role: model.SysAdmin, Member: model.SA})
	s.Permissions.Put(0, 1, &model.Permission{Class: int(perm.Server), Grantee: model.SA, Grantor: model.SA, Name: "CONNECT SQL", State: "G"})
	s.Permissions.Put(0, 2, &model.Permission{Class: int(perm.Server), Grantee: model.PublicRole, Grantor: model.SA, Name: "VIEW ANY DATABASE", State: "G"})

	for id, name := range []string{model.Master: "master", model.TempDB: "tempdb", model.ModelDB: "model", model.MSDB: "msdb"} {
		if id == 0 {
			continue
		}
		d := New(id, name, SA(), now)
		if id != model.ModelDB {
			d.Recovery = model.RecoverySimple
		}
		s.Databases.Put(0, id, d)
		Database(s, id, SA(), now)
		if id != model.ModelDB {
			s.Permissions.Put(id, 2, &model.Permission{Class: int(perm.Database), Grantee: model.Guest, Grantor: model.DBO, Name: "CONNECT", State: "G"})
		}
	}
	s.SymmetricKeys.Put(model.Master, model.ServiceMasterKeyID, &model.SymmetricKey{
		ID: model.ServiceMasterKeyID, Name: model.ServiceMasterKeyName, Owner: model.DBO, Bits: 256, Algorithm: "AES_256", GUID: GUID(),
		Created: now, Modified: now,
	})
}

// New is a database as CREATE DATABASE without options makes it.
func New(id int, name string, owner []byte, now time.Time) *model.Database {
	return &model.Database{
		ID: id, Name: name, GUID: GUID(), OwnerSID: owner, Created: now, Compatibility: Compatibility, Collation: Collation,
		Recovery: model.RecoveryFull, PageVerify: 2, TargetRecovery: 60,
		Options: map[string]bool{"is_auto_create_stats_on": true, "is_auto_update_stats_on": true},
	}
}

// Database fills the rows of a database that has none.
func Database(s *model.State, db int, owner []byte, now time.Time) {
	add := func(p model.Principal) {
		p.Created, p.Modified = now, now
		s.Principals.Put(db, p.ID, &p)
	}
	add(model.Principal{ID: model.DBPublic, Name: "public", Kind: model.DatabaseRole, Owner: model.DBO})
	add(model.Principal{ID: model.DBO, Name: "dbo", Kind: model.SQLLogin, SID: owner, DefaultSchema: "dbo"})
	add(model.Principal{ID: model.Guest, Name: "guest", Kind: model.SQLLogin, SID: []byte{0}, DefaultSchema: "guest"})
	add(model.Principal{ID: model.InformationSchema, Name: "INFORMATION_SCHEMA", Kind: model.SQLLogin})
	add(model.Principal{ID: model.Sys, Name: "sys", Kind: model.SQLLogin})
	for _, sc := range []model.Schema{
		{ID: 1, Name: "dbo", Owner: model.DBO},
		{ID: 2, Name: "guest", Owner: model.Guest},
		{ID: 3, Name: "INFORMATION_SCHEMA", Owner: model.InformationSchema},
		{ID: 4, Name: "sys", Owner: model.Sys},
	} {
		s.Schemas.Put(db, sc.ID, &sc)
	}
	for _, r := range databaseRoles {
		add(model.Principal{ID: r.id, Name: r.name, Kind: model.DatabaseRole, Owner: model.DBO, Fixed: true})
		s.Schemas.Put(db, r.id, &model.Schema{ID: r.id, Name: r.name, Owner: r.id})
	}
	s.Members.Put(db, 1, &model.Member{Role: model.DBOwner, Member: model.DBO})
	s.Permissions.Put(db, 1, &model.Permission{Class: int(perm.Database), Grantee: model.DBO, Grantor: model.DBO, Name: "CONNECT", State: "G"})
}
