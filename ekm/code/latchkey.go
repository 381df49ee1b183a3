package code

// Our own codes. LK10xx vault, LK11xx token authority, LK12xx audit, LK13xx storage and sealing, LK14xx command line and
// configuration, LK15xx encrypted databases, LK16xx connector and map. Add at the end of a range; never reuse a number.
const (
	lk = Code(Latchkey) << spaceShift

	// ConfigInvalid is a setting or a flag that cannot be used.
	ConfigInvalid = lk + 1401

	// VaultAuditRefused means that the vault refused an operation because it could not be recorded.
	VaultAuditRefused = lk + 1001
	// VaultStoreFailed means that the vault's store did not answer; nothing was changed.
	VaultStoreFailed = lk + 1002
	// VaultOutcomeUnknown means that the vault cannot say whether a change took place.
	VaultOutcomeUnknown = lk + 1003
	// VaultStoreFull means that the vault's store has no room; nothing was changed.
	VaultStoreFull = lk + 1004
	// VaultRecordCorrupt means that a stored record does not read, or is of a newer program.
	VaultRecordCorrupt = lk + 1005
	// VaultInternal means that the vault failed in a way that it did not foresee.
	VaultInternal = lk + 1006
	// VaultSealed means that a private key cannot be sealed or unsealed.
	VaultSealed = lk + 1007
	// VaultUnknownHost means that no vault has the host name of the request.
	VaultUnknownHost = lk + 1008
	// VaultBusy means that others changed the same key again and again while the vault tried to.
	VaultBusy = lk + 1009

	// EntraLocked means that another process has the token authority's directory open.
	EntraLocked = lk + 1101
	// EntraStateDamaged means that the token authority's state does not read, was changed, or is of a newer program.
	EntraStateDamaged = lk + 1102
	// EntraNotFound means that there is no such tenant, application or credential.
	EntraNotFound = lk + 1103
	// EntraConflict means that a tenant, application or credential exists already, or that there is no room for it.
	EntraConflict = lk + 1104
	// EntraInvalid means that the token authority cannot take a value that it was given.
	EntraInvalid = lk + 1105
	// EntraAudit means that a change of the token authority could not be recorded and was not made.
	EntraAudit = lk + 1106
	// EntraStateWrite means that the token authority's state could not be written.
	EntraStateWrite = lk + 1107
	// EntraSeal means that the token authority's state cannot be sealed or unsealed.
	EntraSeal = lk + 1108

	// AuditUnavailable means that an audit record could not be made durable.
	AuditUnavailable = lk + 1201
	// AuditFull means that there is no room for audit records.
	AuditFull = lk + 1202
	// AuditDamaged means that acknowledged audit records are missing or changed.
	AuditDamaged = lk + 1203
	// AuditKey means that the audit log's key is missing, wrong, or given for a log without one.
	AuditKey = lk + 1204
	// AuditLocked means that another process has the audit log open.
	AuditLocked = lk + 1205
	// AuditVersion means that a newer program wrote the audit log.
	AuditVersion = lk + 1206
	// AuditRecordInvalid means that an operation cannot be written as an audit record.
	AuditRecordInvalid = lk + 1207

	// SealKeyWrong means that the seal key is not the one the data was sealed with.
	SealKeyWrong = lk + 1301
	// SealDamaged means that sealed data, or the record of the seal, was changed.
	SealDamaged = lk + 1302
	// SealKeyMissing means that the seal key's source cannot be read.
	SealKeyMissing = lk + 1303
	// SealKeyExposed means that others may read the seal key's file.
	SealKeyExposed = lk + 1304
	// SealKeyInvalid means that what the source holds is no seal key.
	SealKeyInvalid = lk + 1305
	// SealKeyUnknown means that a value was sealed under a data key that is not in the key ring.
	SealKeyUnknown = lk + 1306
	// SealVersion means that a newer program sealed the data.
	SealVersion = lk + 1307
	// SealMissing means that there is data but no record of a seal.
	SealMissing = lk + 1308
	// BackupKeyUnknown means that a backup was made under a key that this installation does not have.
	BackupKeyUnknown = lk + 1309
	// BackupPassphraseWrong means that an exported backup key does not open with the passphrase.
	BackupPassphraseWrong = lk + 1310

	// StoreUnavailable means that the store takes no commits until it is opened again.
	StoreUnavailable = lk + 1321
	// StoreFull means that there is no room in the store.
	StoreFull = lk + 1322
	// StoreLocked means that another process has the store open.
	StoreLocked = lk + 1323
	// StoreVersion means that a newer program wrote the store.
	StoreVersion = lk + 1324
	// StoreDamaged means that the store's file is not one, or is damaged.
	StoreDamaged = lk + 1325

	// AuthorityNotTrusted means that a vault sent the connector to a token authority that is not trusted.
	AuthorityNotTrusted = lk + 1601
	// ResourceForeign means that a vault asked for a token for a place that is not its own.
	ResourceForeign = lk + 1602
	// MapDamaged means that the thumbprint map's file is not one, or was changed outside Latchkey.
	MapDamaged = lk + 1603
	// ReplyForeign means that a vault answered for another key than the one it was asked about.
	ReplyForeign = lk + 1604
	// ClockSkewed means that this machine's clock is too far from the vault's.
	ClockSkewed = lk + 1605
	// VaultResting means that calls are held back because the vault did not answer for a while.
	VaultResting = lk + 1606

	// DatabaseCorrupt means that a database file's content does not authenticate.
	DatabaseCorrupt = lk + 1501
	// DatabaseIO means that the disk or the file system failed under a database.
	DatabaseIO = lk + 1502
	// DatabaseKey means that a database's key could not be wrapped or unwrapped.
	DatabaseKey = lk + 1503
	// DatabaseState means that the state of encryption does not allow an operation.
	DatabaseState = lk + 1504
	// DatabaseNotOurs means that a file is no database of Latchkey.
	DatabaseNotOurs = lk + 1505
	// DatabaseNewer means that a newer program wrote a database file.
	DatabaseNewer = lk + 1506
	// DatabaseInUse means that a database is open elsewhere.
	DatabaseInUse = lk + 1507
	// DatabaseEpochs means that a database key was used in so many sessions that it must be replaced.
	DatabaseEpochs = lk + 1508
	// DatabaseNotEncrypted means that a file that must be encrypted is not.
	DatabaseNotEncrypted = lk + 1509
)

func catalogueLatchkey() []Entry {
	return []Entry{
		{
			Code: VaultAuditRefused, Symbol: "VaultAuditRefused",
			Meaning: "The vault refused an operation because its audit record could not be written. The reply says whether anything was changed; without that sentence nothing was.",
			Causes:  []string{"the disk of the audit log is full", "the audit log was closed or damaged"},
			Remedy:  "Look for LK12xx in the vault's log and make room or repair the audit log; then repeat the call.",
			Retry:   true, Heals: true,
		},
		{
			Code: VaultStoreFailed, Symbol: "VaultStoreFailed",
			Meaning: "The vault's store did not answer. Nothing was changed.",
			Causes:  []string{"a failed disk", "an etcd cluster without a quorum", "the store was closed"},
			Remedy:  "Look for LK13xx in the vault's log, bring the store back and repeat the call.",
			Retry:   true, Heals: true,
		},
		{
			Code: VaultOutcomeUnknown, Symbol: "VaultOutcomeUnknown",
			Meaning: "The store failed while it wrote a change: it may have taken place or not.",
			Causes:  []string{"a failed sync of the store's disk", "a lost quorum in the middle of a write"},
			Remedy:  "Bring the store back, read the key to see whether the change is there, and only then repeat the call.",
			Heals:   true,
		},
		{
			Code: VaultStoreFull, Symbol: "VaultStoreFull",
			Meaning: "The vault's store has no room for the change. Nothing was changed; reading and using keys goes on.",
			Causes:  []string{"a full disk", "a quota of the store"},
			Remedy:  "Make room and repeat the call.",
			Retry:   true, Heals: true,
		},
		{
			Code: VaultRecordCorrupt, Symbol: "VaultRecordCorrupt",
			Meaning: "A record in the vault's store does not read, or a newer version of the program wrote it.",
			Causes:  []string{"an older program was started on newer data", "the store was edited or damaged"},
			Remedy:  "Use the program version that wrote the data, or restore the store or the key from a backup.",
		},
		{
			Code: VaultInternal, Symbol: "VaultInternal",
			Meaning: "The vault failed in a way that it did not foresee. The log has the details under the request id of the reply.",
			Causes:  []string{"a defect in the program"},
			Remedy:  "Report it with the log lines of that request id.",
		},
		{
			Code: VaultSealed, Symbol: "VaultSealed",
			Meaning: "A private key could not be sealed or unsealed.",
			Causes:  []string{"the value was sealed under a key that is not in the key ring", "the stored value was changed or moved"},
			Remedy:  "Look for LK13xx in the vault's log; restore the seal key, or the key from a backup.",
		},
		{
			Code: VaultUnknownHost, Symbol: "VaultUnknownHost",
			Meaning: "No vault of this server has the host name of the request.",
			Causes:  []string{"a misspelt vault name", "a vault that was deleted or never created", "a host name outside the configured suffixes"},
			Remedy:  "Compare the host name in the URL with the vaults of this server.",
		},
		{
			Code: VaultBusy, Symbol: "VaultBusy",
			Meaning: "Other requests changed the same key again and again while the vault tried to change it. Nothing was changed.",
			Causes:  []string{"many concurrent changes of one key"},
			Remedy:  "Repeat the call.",
			Retry:   true, Heals: true,
		},
		{
			Code: EntraLocked, Symbol: "EntraLocked",
			Meaning: "Another process has the token authority's directory open; two writers would undo each other's changes.",
			Causes:  []string{"a running `latchkey up` or `latchkey entra` on the same data"},
			Remedy:  "Use the running process, or stop it first.",
			Retry:   true, Heals: true,
		},
		{
			Code: EntraStateDamaged, Symbol: "EntraStateDamaged",
			Meaning: "The token authority's state file does not read, does not match its sealed digest, or was written by a newer program; nothing was started.",
			Causes:  []string{"the file was edited by hand", "a disk that lost a write", "an older program started on newer data"},
			Remedy:  "Restore entra.json from a backup, or start the program that wrote it. Credentials made since that backup must be made again.",
		},
		{
			Code: EntraNotFound, Symbol: "EntraNotFound",
			Meaning: "The token authority has no tenant, application or credential of that name.",
			Causes:  []string{"a misspelt GUID", "it was removed before", "another data directory"},
			Remedy:  "List what there is with `latchkey entra` and repeat with one of those.",
		},
		{
			Code: EntraConflict, Symbol: "EntraConflict",
			Meaning: "What was to be made exists already, or there is no room for it.",
			Causes:  []string{"an id or a domain that is taken", "two client secrets are there already"},
			Remedy:  "Choose another name, or remove what is no longer needed first.",
		},
		{
			Code: EntraInvalid, Symbol: "EntraInvalid",
			Meaning: "The token authority cannot take a value that it was given; nothing was changed.",
			Causes:  []string{"a GUID or domain of the wrong form", "a certificate that expired or has a small key", "a life beyond the limit"},
			Remedy:  "Correct the value that the message names.",
		},
		{
			Code: EntraAudit, Symbol: "EntraAudit",
			Meaning: "A change of the token authority could not be written to the audit log and was not made.",
			Causes:  []string{"the disk of the audit log is full or failed"},
			Remedy:  "See to the cause that the message names, then repeat the change.",
			Retry:   true, Heals: true,
		},
		{
			Code: EntraStateWrite, Symbol: "EntraStateWrite",
			Meaning: "The token authority's state could not be written. The change does not hold in the running process; the file may have it.",
			Causes:  []string{"a full or failed disk", "missing rights to the data directory"},
			Remedy:  "Make room or restore the rights, then repeat the change.",
			Retry:   true, Heals: true,
		},
		{
			Code: EntraSeal, Symbol: "EntraSeal",
			Meaning: "The token authority's state or signing keys cannot be sealed or unsealed.",
			Causes:  []string{"another seal key than the one the data was sealed with", "a file from another installation"},
			Remedy:  "Start with the seal key of this data directory.",
		},
		{
			Code: AuditUnavailable, Symbol: "AuditUnavailable",
			Meaning: "An operation was refused because its audit record could not be made durable.",
			Causes:  []string{"the disk or its file system reports errors", "the audit directory was removed or became read-only", "the log is closed"},
			Remedy:  "Look at the system log for disk errors and at the audit directory; the log reopens its file by itself once writing works again.",
			Retry:   true, Heals: true,
		},
		{
			Code: AuditFull, Symbol: "AuditFull",
			Meaning: "An operation was refused because there is no room for its audit record.",
			Causes:  []string{"the file system of the audit directory is full", "a quota or file size limit is reached"},
			Remedy:  "Make room on the file system that holds the audit directory, or move old audit files to an archive; nothing needs a restart.",
			Retry:   true, Heals: true,
		},
		{
			Code: AuditDamaged, Symbol: "AuditDamaged",
			Meaning: "Audit records that were acknowledged are missing or changed.",
			Causes:  []string{"somebody edited, cut or removed audit files", "the directory was restored from an older copy", "the disk lost data"},
			Remedy:  "Run latchkey vault audit verify to see the place, keep the directory as evidence by moving it aside, and start with an empty one.",
		},
		{
			Code: AuditKey, Symbol: "AuditKey",
			Meaning: "The audit log and the key given for it do not belong together.",
			Causes:  []string{"the log was made under another key", "the log has a key and none was given", "a key was given for a log that was made without one"},
			Remedy:  "Give the key that the log was made with, or move the directory aside and start with an empty one.",
		},
		{
			Code: AuditLocked, Symbol: "AuditLocked",
			Meaning: "Another process has the audit log open.",
			Causes:  []string{"a second vault was started on the same data directory", "an earlier one has not ended yet"},
			Remedy:  "Stop the other process, or give this one a data directory of its own.",
			Retry:   true, Heals: true,
		},
		{
			Code: AuditVersion, Symbol: "AuditVersion",
			Meaning: "The audit log was written by a newer program.",
			Causes:  []string{"the program was downgraded"},
			Remedy:  "Start the version that wrote it, or a newer one.",
		},
		{
			Code: AuditRecordInvalid, Symbol: "AuditRecordInvalid",
			Meaning: "An operation was refused because it cannot be written as an audit record.",
			Causes:  []string{"a field that the caller sent is too long"},
			Remedy:  "Shorten the names and headers of the request.",
		},
		{
			Code: SealKeyWrong, Symbol: "SealKeyWrong",
			Meaning: "The seal key is not the one this data was sealed with.",
			Causes:  []string{"the key file or variable of another installation", "a mistyped passphrase", "the seal was changed and the old key is still configured"},
			Remedy:  "Give the seal key of this data directory; without it the sealed keys cannot be recovered.",
		},
		{
			Code: SealDamaged, Symbol: "SealDamaged",
			Meaning: "Sealed data or the record of the seal was changed; the seal key itself is right or could not be judged.",
			Causes:  []string{"the disk lost data", "somebody edited the store", "a value was copied from another record"},
			Remedy:  "Restore the store from a backup; a check of the disk is due.",
		},
		{
			Code: SealKeyMissing, Symbol: "SealKeyMissing",
			Meaning: "The seal key could not be read from its source.",
			Causes:  []string{"the file does not exist or may not be read", "the environment variable is not set", "the service has no such credential", "no terminal to ask at"},
			Remedy:  "Make the key available at the source that the message names, or name another source.",
		},
		{
			Code: SealKeyExposed, Symbol: "SealKeyExposed",
			Meaning: "The file with the seal key may be read by others.",
			Causes:  []string{"its mode allows group or others", "it belongs to another user"},
			Remedy:  "Give the file to the account of the vault with mode 0600; if others may have read it, change the seal key.",
		},
		{
			Code: SealKeyInvalid, Symbol: "SealKeyInvalid",
			Meaning: "What the source holds cannot be a seal key.",
			Causes:  []string{"not 32 bytes, 64 hexadecimal digits or base64 of 32 bytes", "a passphrase shorter than the minimum", "a source of an unknown kind"},
			Remedy:  "Make a key with: openssl rand -hex 32, or choose a longer passphrase.",
		},
		{
			Code: SealKeyUnknown, Symbol: "SealKeyUnknown",
			Meaning: "A value was sealed under a data key that is not in the key ring.",
			Causes:  []string{"the value comes from another installation", "the store was restored in parts"},
			Remedy:  "Restore the whole store from one backup; keys move between installations as key backups.",
		},
		{
			Code: SealVersion, Symbol: "SealVersion",
			Meaning: "The data was sealed by a newer program.",
			Causes:  []string{"the program was downgraded"},
			Remedy:  "Start the version that sealed it, or a newer one.",
		},
		{
			Code: SealMissing, Symbol: "SealMissing",
			Meaning: "The store holds data but no record of a seal.",
			Causes:  []string{"the store was restored in parts", "the record was deleted"},
			Remedy:  "Restore the whole store from one backup; a new seal is only made in an empty store.",
		},
		{
			Code: BackupKeyUnknown, Symbol: "BackupKeyUnknown",
			Meaning: "The backup was made under a key that this installation does not have.",
			Causes:  []string{"it comes from another installation", "the backup key was not imported after a restore"},
			Remedy:  "Export the backup key of the installation that made the backup and import it here.",
		},
		{
			Code: BackupPassphraseWrong, Symbol: "BackupPassphraseWrong",
			Meaning: "The exported backup key does not open: the passphrase is wrong, or the export was changed.",
			Causes:  []string{"a mistyped passphrase", "the passphrase of another export", "a damaged file"},
			Remedy:  "Give the passphrase that the export was made with, or export again.",
		},
		{
			Code: StoreUnavailable, Symbol: "StoreUnavailable",
			Meaning: "The store takes no commits until it is opened again, because it cannot know what is on the disk.",
			Causes:  []string{"the disk reported an error while syncing", "the store is closed"},
			Remedy:  "Look at the system log for disk errors, then restart the vault; everything that was acknowledged is kept.",
		},
		{
			Code: StoreFull, Symbol: "StoreFull",
			Meaning: "A change was refused because there is no room in the store; nothing was changed.",
			Causes:  []string{"the file system of the data directory is full", "a quota, a file size limit or the bound of the store is reached"},
			Remedy:  "Make room on the file system that holds the data directory; nothing needs a restart.",
			Retry:   true, Heals: true,
		},
		{
			Code: StoreLocked, Symbol: "StoreLocked",
			Meaning: "Another process has the store open.",
			Causes:  []string{"a second vault was started on the same data directory", "an earlier one has not ended yet"},
			Remedy:  "Stop the other process, or give this one a data directory of its own.",
			Retry:   true, Heals: true,
		},
		{
			Code: StoreVersion, Symbol: "StoreVersion",
			Meaning: "The store was written by a newer program.",
			Causes:  []string{"the program was downgraded"},
			Remedy:  "Start the version that wrote it, or a newer one.",
		},
		{
			Code: StoreDamaged, Symbol: "StoreDamaged",
			Meaning: "The file of the store is damaged or is not one.",
			Causes:  []string{"the disk lost data", "the file was written by another program", "a copy of a running store"},
			Remedy:  "Restore the data directory from a backup; latchkey doctor tells what can still be read.",
		},
		{
			Code: ConfigInvalid, Symbol: "ConfigInvalid",
			Meaning: "A setting or a flag has a value that cannot be used; nothing was started or changed.",
			Causes:  []string{"a misspelt name", "a value of the wrong form", "two settings that exclude each other"},
			Remedy:  "Correct the setting that the message names and start again.",
		},
		{
			Code: AuthorityNotTrusted, Symbol: "AuthorityNotTrusted",
			Meaning: "The vault's challenge names a token authority that is neither one of Entra ID's well-known hosts nor the one in the vault's settings; no secret was sent.",
			Causes:  []string{"a vault of your own whose settings lack the authority", "IDENTITY names a host that is not a key vault", "someone pretends to be the vault"},
			Remedy:  "If the authority is yours, set it for this vault (authority = https://host:port); otherwise find out who answers: `latchkey doctor` prints the certificate chain.",
			Heals:   true,
		},
		{
			Code: ResourceForeign, Symbol: "ResourceForeign",
			Meaning: "The vault's challenge asks for a token for a resource that is not the vault's own host or a parent domain of it; no token was requested.",
			Causes:  []string{"IDENTITY is an alias outside the vault's own domain", "a gateway that changes the challenge", "someone pretends to be the vault"},
			Remedy:  "Set IDENTITY to the vault's own host name, with its port if it has one, in ALTER CREDENTIAL.",
			Heals:   true,
		},
		{
			Code: MapDamaged, Symbol: "MapDamaged",
			Meaning: "The thumbprint map's file has a wrong checksum or form; it was set aside and a new one is filled from the vault as keys are opened.",
			Causes:  []string{"the file was edited by hand", "a disk that lost a write", "another program wrote to it"},
			Remedy:  "Nothing if databases open. To have the old entries back, restore the file from a backup while nothing uses it; the damaged one lies beside it.",
			Retry:   true, Heals: true,
		},
		{
			Code: ReplyForeign, Symbol: "ReplyForeign",
			Meaning: "The vault's reply is about another key or version than the request; it was thrown away.",
			Causes:  []string{"a cache or gateway in the way that mixes replies up", "an emulator that ignores the version"},
			Remedy:  "Take the gateway out of the way of the vault's host, then repeat.",
			Retry:   true, Heals: true,
		},
		{
			Code: ClockSkewed, Symbol: "ClockSkewed",
			Meaning: "This machine's clock and the vault's differ by more than five minutes, so tokens and certificates are refused.",
			Causes:  []string{"time synchronisation is off", "a virtual machine that was suspended", "a wrong time zone set as UTC"},
			Remedy:  "Set the clock (timedatectl set-ntp true, or w32tm /resync) and repeat.",
			Heals:   true,
		},
		{
			Code: VaultResting, Symbol: "VaultResting",
			Meaning: "The vault has not answered for longer than one call may take, so calls fail at once and one at a time probes whether it is back.",
			Causes:  []string{"the outage that the message names as the cause"},
			Remedy:  "See to the cause that the message names; calls go through again within seconds of the vault's return.",
			Retry:   true, Heals: true,
		},
		{
			Code: DatabaseCorrupt, Symbol: "DatabaseCorrupt",
			Meaning: "Something in a database file is not what Latchkey wrote there: a page was changed, moved, exchanged, cut off, or is in clear where it must not be. It was not used.",
			Causes:  []string{"a failing disk or controller", "a copy of the file that was made while it was in use", "somebody changed the file"},
			Remedy:  "Restore the database from a backup. Run a verification first to learn which pages are concerned; the message names file and page.",
		},
		{
			Code: DatabaseIO, Symbol: "DatabaseIO",
			Meaning: "The disk or the file system failed while a database was used; after a failed write to stable storage the database takes no more writes until it is opened again.",
			Causes:  []string{"the disk is full", "the disk or the network drive failed", "missing rights on the file or its directory"},
			Remedy:  "Look at the cause in the message and at the system's log, mend it, and open the database again.",
			Heals:   false,
		},
		{
			Code: DatabaseKey, Symbol: "DatabaseKey",
			Meaning: "The key store did not wrap or unwrap the database's encryption key, so the database cannot be opened or its key not be changed.",
			Causes:  []string{"the key was disabled, deleted or has expired", "the credential lost its rights on the key", "the key store cannot be reached"},
			Remedy:  "Mend what the provider's code in the message says, then bring the database online again.",
			Retry:   true, Heals: true,
		},
		{
			Code: DatabaseState, Symbol: "DatabaseState",
			Meaning: "The operation does not fit the state of the database's encryption; nothing was changed.",
			Causes:  []string{"an encryption scan is under way", "the database has no encryption key, or has one already", "the database is still encrypted"},
			Remedy:  "Look at sys.dm_database_encryption_keys; wait for the scan, or cancel it, then repeat.",
			Retry:   true,
		},
		{
			Code: DatabaseNotOurs, Symbol: "DatabaseNotOurs",
			Meaning: "The file does not begin as a database file of Latchkey does.",
			Causes:  []string{"a wrong path", "a file of SQLite or SQL Server", "the beginning of the file was overwritten"},
			Remedy:  "Check the path; if it is right, restore the database from a backup.",
		},
		{
			Code: DatabaseNewer, Symbol: "DatabaseNewer",
			Meaning: "A newer version of Latchkey wrote the database file; this one does not know its format and left it alone.",
			Causes:  []string{"the program was downgraded", "the file comes from another machine"},
			Remedy:  "Open it with the version that wrote it, or a later one.",
		},
		{
			Code: DatabaseInUse, Symbol: "DatabaseInUse",
			Meaning: "The database is open already, in this process or in another.",
			Causes:  []string{"a second server on the same data directory", "a process that has not ended yet"},
			Remedy:  "Stop the other process, then repeat.",
			Retry:   true, Heals: true,
		},
		{
			Code: DatabaseEpochs, Symbol: "DatabaseEpochs",
			Meaning: "The database's encryption key was used in 32,767 sessions and seals nothing more; the database can be read.",
			Causes:  []string{"the key was never regenerated in many years, or the database is opened and closed all the time"},
			Remedy:  "Run ALTER DATABASE ENCRYPTION KEY REGENERATE.",
		},
		{
			Code: DatabaseNotEncrypted, Symbol: "DatabaseNotEncrypted",
			Meaning: "The catalogue says that the database is encrypted, but its file is not; it was not opened.",
			Causes:  []string{"the file was replaced by one in clear", "an old copy from before the encryption was put in its place"},
			Remedy:  "Find out who replaced the file; restore the encrypted one from a backup.",
		},
	}
}
