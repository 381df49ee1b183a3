package views

import (
	"strconv"
	"strings"

	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
)

var (
	accessNames     = []string{"MULTI_USER", "SINGLE_USER", "RESTRICTED_USER"}
	recoveryNames   = map[int]string{model.RecoveryFull: "FULL", model.RecoveryBulkLogged: "BULK_LOGGED", model.RecoverySimple: "SIMPLE"}
	pageVerifyNames = map[int]string{0: "NONE", 1: "TORN_PAGE_DETECTION", 2: "CHECKSUM"}
	encryptionNames = []string{"NONE", "UNENCRYPTED", "ENCRYPTION_IN_PROGRESS", "ENCRYPTED", "KEY_CHANGE_IN_PROGRESS", "DECRYPTION_IN_PROGRESS", "PROTECTION_CHANGE_IN_PROGRESS"}
	scanNames       = []string{"NONE", "RUNNING", "SUSPENDED", "ABORTED", "COMPLETE"}
)

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return ""
	}
	return names[i]
}

// databases: everybody sees master and tempdb and the database that one owns or is in; the others need VIEW ANY DATABASE, which
// public has unless it was revoked.
func (c *ctx) databases() ([]row, error) {
	all := c.perm.Server("VIEW ANY DATABASE")
	var out []row
	for _, d := range c.State.Databases.All(0) {
		if !all && d.ID > model.TempDB && d.ID != c.Caller.Database && !c.owns(d) {
			continue
		}
		state := c.stateOf(d)
		r := row{
			"name": d.Name, "database_id": d.ID, "owner_sid": d.OwnerSID, "create_date": d.Created, "compatibility_level": d.Compatibility,
			"user_access": d.UserAccess, "user_access_desc": name(accessNames, d.UserAccess), "is_read_only": d.ReadOnly, "state": state,
			"state_desc": database.StateName(state), "recovery_model": d.Recovery, "recovery_model_desc": recoveryNames[d.Recovery],
			"page_verify_option": d.PageVerify, "page_verify_option_desc": pageVerifyNames[d.PageVerify], "is_encrypted": d.Encrypted,
			"snapshot_isolation_state": 0, "snapshot_isolation_state_desc": "OFF", "log_reuse_wait": 0, "log_reuse_wait_desc": "NOTHING",
			"containment": d.Containment, "containment_desc": "NONE", "target_recovery_time_in_seconds": d.TargetRecovery, "delayed_durability": 0,
			"delayed_durability_desc": "DISABLED", "service_broker_guid": guid(d.GUID), "catalog_collation_type": 0,
			"catalog_collation_type_desc": "DATABASE_DEFAULT", "physical_database_name": d.Name, "is_cleanly_shutdown": false,
		}
		if state == model.Online {
			r["collation_name"] = d.Collation
		}
		r["is_master_key_encrypted_by_server"] = c.serviceProtects(d.ID)
		for _, col := range Columns("sys.databases") {
			if _, set := r[col.Name]; !set && strings.HasPrefix(col.Name, "is_") {
				r[col.Name] = d.Options[col.Name]
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// stateOf is what a database is in now: the catalogue has what was found last, and knows of no opening under way.
func (c *ctx) stateOf(d *model.Database) int {
	if s, ok := c.Runtime.DatabaseState(d.ID); ok {
		return s
	}
	return d.State
}

// fileState is the state of a database's files: sys.master_files has no word for EMERGENCY, in which they can be read.
func fileState(s int) int {
	if s == model.Emergency {
		return model.Online
	}
	return s
}

func (c *ctx) owns(d *model.Database) bool {
	l := c.State.Logins.Get(c.perm.Login())
	return l != nil && string(l.SID) == string(d.OwnerSID)
}

func (c *ctx) serviceProtects(db int) bool {
	_, e := c.State.KeyEncryptions.Find(db, func(e *model.KeyEncryption) bool {
		return e.Key == model.DatabaseMasterKeyID && e.Kind == model.ByServiceKey
	})
	return e != nil
}

func (c *ctx) encryptionKeys() ([]row, error) {
	if err := c.need("VIEW SERVER SECURITY STATE"); err != nil {
		return nil, err
	}
	var out []row
	encrypted := false
	for _, d := range c.State.Databases.All(0) {
		if d.Key == nil {
			continue
		}
		encrypted = encrypted || d.Encrypted
		e, open := c.Runtime.Encryption(d.ID)
		if !open {
			// The file is closed: what is known is what was last set.
			e = Encryption{State: 1}
			if d.Encrypted {
				e.State = 3
			}
		}
		bits := e.Bits
		family, digits, _ := strings.Cut(d.Key.Algorithm, "_")
		if bits == 0 {
			bits, _ = strconv.Atoi(digits)
		}
		set := e.Set
		if set.IsZero() {
			set = d.Key.Set
		}
		r := row{
			"database_id": d.ID, "encryption_state": e.State, "create_date": d.Key.Created, "regenerate_date": d.Key.Regenerated,
			"modify_date": d.Key.Modified, "set_date": set, "opened_date": e.Opened, "key_algorithm": family, "key_length": bits,
			"encryptor_thumbprint": d.Key.Thumbprint, "encryptor_type": d.Key.Encryptor, "percent_complete": e.Percent,
			"encryption_state_desc": name(encryptionNames, e.State), "encryption_scan_state": e.Scan,
			"encryption_scan_state_desc": name(scanNames, e.Scan), "encryption_scan_modify_date": e.ScanTime,
		}
		out = append(out, r)
	}
	if t := c.State.Databases.Get(model.TempDB); encrypted && t != nil {
		// tempdb is encrypted as soon as a user database is, under a key that no protector has.
		out = append([]row{{
			"database_id": model.TempDB, "encryption_state": 3, "create_date": t.Created, "regenerate_date": t.Created, "modify_date": t.Created,
			"set_date": t.Created, "opened_date": t.Created, "key_algorithm": "AES", "key_length": 256, "encryptor_thumbprint": []byte{},
			"percent_complete": float32(0), "encryption_state_desc": "ENCRYPTED", "encryption_scan_state": 4, "encryption_scan_state_desc": "COMPLETE",
		}}, out...)
	}
	return out, nil
}

func (c *ctx) masterFiles() ([]row, error) {
	var out []row
	all := c.perm.Server("VIEW ANY DEFINITION") || c.perm.Server("ALTER ANY DATABASE") || c.perm.Server("CREATE ANY DATABASE")
	for _, d := range c.State.Databases.All(0) {
		if !all && !c.owns(d) {
			continue
		}
		for _, r := range c.files(d) {
			r["database_id"] = d.ID
			out = append(out, r)
		}
	}
	return out, nil
}

// databaseFiles are those of the current database, for everybody who is in it.
func (c *ctx) databaseFiles() ([]row, error) {
	if d := c.State.Databases.Get(c.Caller.Database); d != nil {
		return c.files(d), nil
	}
	return nil, nil
}

func (c *ctx) files(d *model.Database) []row {
	var out []row
	state := fileState(c.stateOf(d))
	for _, f := range d.Files {
		kind, desc, space := 0, "ROWS", 1
		if f.Log {
			kind, desc, space = 1, "LOG", 0
		}
		out = append(out, row{
			"file_id": f.ID, "file_guid": guid(f.GUID), "type": kind, "type_desc": desc, "data_space_id": space, "name": f.Name,
			"physical_name": f.Physical, "state": state, "state_desc": database.StateName(state), "size": f.Pages, "max_size": f.MaxPages, "growth": f.Growth,
			"is_media_read_only": false, "is_read_only": d.ReadOnly, "is_sparse": false, "is_percent_growth": f.Percent, "is_name_reserved": false,
		})
	}
	return out
}
