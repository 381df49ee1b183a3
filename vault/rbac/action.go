package rbac

// Kind is what kind of host a request went to. The zero value is neither, and is denied.
type Kind string

// The kinds.
const (
	Vault Kind = "vault" // {name}.vault.azure.net
	HSM   Kind = "hsm"   // {name}.managedhsm.azure.net
)

// Action is a data action as roles name it. Compare actions in the spelling below; roles are matched without regard to
// case.
type Action string

// Data actions of a vault.
const (
	KeysRead     Action = "Microsoft.KeyVault/vaults/keys/read"
	KeysCreate   Action = "Microsoft.KeyVault/vaults/keys/create/action"
	KeysImport   Action = "Microsoft.KeyVault/vaults/keys/import/action"
	KeysUpdate   Action = "Microsoft.KeyVault/vaults/keys/update/action"
	KeysDelete   Action = "Microsoft.KeyVault/vaults/keys/delete"
	KeysRecover  Action = "Microsoft.KeyVault/vaults/keys/recover/action"
	KeysPurge    Action = "Microsoft.KeyVault/vaults/keys/purge/action"
	KeysBackup   Action = "Microsoft.KeyVault/vaults/keys/backup/action"
	KeysRestore  Action = "Microsoft.KeyVault/vaults/keys/restore/action"
	KeysEncrypt  Action = "Microsoft.KeyVault/vaults/keys/encrypt/action"
	KeysDecrypt  Action = "Microsoft.KeyVault/vaults/keys/decrypt/action"
	KeysWrap     Action = "Microsoft.KeyVault/vaults/keys/wrap/action"
	KeysUnwrap   Action = "Microsoft.KeyVault/vaults/keys/unwrap/action"
	KeysSign     Action = "Microsoft.KeyVault/vaults/keys/sign/action"
	KeysVerify   Action = "Microsoft.KeyVault/vaults/keys/verify/action"
	KeysRelease  Action = "Microsoft.KeyVault/vaults/keys/release/action"
	KeysRotate   Action = "Microsoft.KeyVault/vaults/keys/rotate/action"
	RotationRead Action = "Microsoft.KeyVault/vaults/keyrotationpolicies/read"
	RotationSet  Action = "Microsoft.KeyVault/vaults/keyrotationpolicies/write"
)

// Data actions of a managed HSM.
const (
	HSMKeysRead               Action = "Microsoft.KeyVault/managedHsm/keys/read/action"
	HSMKeysWrite              Action = "Microsoft.KeyVault/managedHsm/keys/write/action"
	HSMKeysCreate             Action = "Microsoft.KeyVault/managedHsm/keys/create"
	HSMKeysDelete             Action = "Microsoft.KeyVault/managedHsm/keys/delete"
	HSMKeysImport             Action = "Microsoft.KeyVault/managedHsm/keys/import/action"
	HSMKeysExport             Action = "Microsoft.KeyVault/managedHsm/keys/export/action"
	HSMKeysRotate             Action = "Microsoft.KeyVault/managedHsm/keys/rotate/action"
	HSMKeysBackup             Action = "Microsoft.KeyVault/managedHsm/keys/backup/action"
	HSMKeysRestore            Action = "Microsoft.KeyVault/managedHsm/keys/restore/action"
	HSMKeysRelease            Action = "Microsoft.KeyVault/managedHsm/keys/release/action"
	HSMKeysEncrypt            Action = "Microsoft.KeyVault/managedHsm/keys/encrypt/action"
	HSMKeysDecrypt            Action = "Microsoft.KeyVault/managedHsm/keys/decrypt/action"
	HSMKeysWrap               Action = "Microsoft.KeyVault/managedHsm/keys/wrap/action"
	HSMKeysUnwrap             Action = "Microsoft.KeyVault/managedHsm/keys/unwrap/action"
	HSMKeysSign               Action = "Microsoft.KeyVault/managedHsm/keys/sign/action"
	HSMKeysVerify             Action = "Microsoft.KeyVault/managedHsm/keys/verify/action"
	HSMDeletedRead            Action = "Microsoft.KeyVault/managedHsm/keys/deletedKeys/read/action"
	HSMDeletedRecover         Action = "Microsoft.KeyVault/managedHsm/keys/deletedKeys/recover/action"
	HSMDeletedPurge           Action = "Microsoft.KeyVault/managedHsm/keys/deletedKeys/delete"
	HSMRandom                 Action = "Microsoft.KeyVault/managedHsm/rng/action"
	HSMRoleDefinitionsRead    Action = "Microsoft.KeyVault/managedHsm/roleDefinitions/read/action"
	HSMRoleDefinitionsWrite   Action = "Microsoft.KeyVault/managedHsm/roleDefinitions/write/action"
	HSMRoleDefinitionsDelete  Action = "Microsoft.KeyVault/managedHsm/roleDefinitions/delete/action"
	HSMRoleAssignmentsRead    Action = "Microsoft.KeyVault/managedHsm/roleAssignments/read/action"
	HSMRoleAssignmentsWrite   Action = "Microsoft.KeyVault/managedHsm/roleAssignments/write/action"
	HSMRoleAssignmentsDelete  Action = "Microsoft.KeyVault/managedHsm/roleAssignments/delete/action"
	HSMSecurityDomainDownload Action = "Microsoft.KeyVault/managedHsm/securitydomain/download/action"
	HSMSecurityDomainDownRead Action = "Microsoft.KeyVault/managedHsm/securitydomain/download/read"
	HSMSecurityDomainUpload   Action = "Microsoft.KeyVault/managedHsm/securitydomain/upload/action"
	HSMSecurityDomainUpRead   Action = "Microsoft.KeyVault/managedHsm/securitydomain/upload/read"
	HSMSecurityDomainTransfer Action = "Microsoft.KeyVault/managedHsm/securitydomain/transferkey/read"
	HSMBackupStart            Action = "Microsoft.KeyVault/managedHsm/backup/start/action"
	HSMBackupStatus           Action = "Microsoft.KeyVault/managedHsm/backup/status/action"
	HSMRestoreStart           Action = "Microsoft.KeyVault/managedHsm/restore/start/action"
	HSMRestoreStatus          Action = "Microsoft.KeyVault/managedHsm/restore/status/action"
)

// Permission is a key permission of an access policy.
type Permission string

// Key permissions. [PermAll] appears in policies only and stands for all others.
const (
	PermGet               Permission = "get"
	PermList              Permission = "list"
	PermUpdate            Permission = "update"
	PermCreate            Permission = "create"
	PermImport            Permission = "import"
	PermDelete            Permission = "delete"
	PermRecover           Permission = "recover"
	PermBackup            Permission = "backup"
	PermRestore           Permission = "restore"
	PermDecrypt           Permission = "decrypt"
	PermEncrypt           Permission = "encrypt"
	PermUnwrapKey         Permission = "unwrapKey"
	PermWrapKey           Permission = "wrapKey"
	PermVerify            Permission = "verify"
	PermSign              Permission = "sign"
	PermPurge             Permission = "purge"
	PermRelease           Permission = "release"
	PermRotate            Permission = "rotate"
	PermGetRotationPolicy Permission = "getrotationpolicy"
	PermSetRotationPolicy Permission = "setrotationpolicy"
	PermAll               Permission = "all"
)

// AllPermissions lists every key permission but "all".
func AllPermissions() []Permission {
	return []Permission{
		PermGet, PermList, PermUpdate, PermCreate, PermImport, PermDelete, PermRecover, PermBackup, PermRestore,
		PermDecrypt, PermEncrypt, PermUnwrapKey, PermWrapKey, PermVerify, PermSign, PermPurge, PermRelease, PermRotate,
		PermGetRotationPolicy, PermSetRotationPolicy,
	}
}

func (p Permission) known() bool {
	switch p {
	case PermGet, PermList, PermUpdate, PermCreate, PermImport, PermDelete, PermRecover, PermBackup, PermRestore,
		PermDecrypt, PermEncrypt, PermUnwrapKey, PermWrapKey, PermVerify, PermSign, PermPurge, PermRelease, PermRotate,
		PermGetRotationPolicy, PermSetRotationPolicy:
		return true
	}
	return false
}

// Actions lists the data actions of a kind; nil for an unknown kind.
func Actions(kind Kind) []Action {
	switch kind {
	case Vault:
		return []Action{
			KeysRead, KeysCreate, KeysImport, KeysUpdate, KeysDelete, KeysRecover, KeysPurge, KeysBackup, KeysRestore,
			KeysEncrypt, KeysDecrypt, KeysWrap, KeysUnwrap, KeysSign, KeysVerify, KeysRelease, KeysRotate,
			RotationRead, RotationSet,
		}
	case HSM:
		return []Action{
			HSMKeysRead, HSMKeysWrite, HSMKeysCreate, HSMKeysDelete, HSMKeysImport, HSMKeysExport, HSMKeysRotate,
			HSMKeysBackup, HSMKeysRestore, HSMKeysRelease, HSMKeysEncrypt, HSMKeysDecrypt, HSMKeysWrap, HSMKeysUnwrap,
			HSMKeysSign, HSMKeysVerify, HSMDeletedRead, HSMDeletedRecover, HSMDeletedPurge, HSMRandom,
			HSMRoleDefinitionsRead, HSMRoleDefinitionsWrite, HSMRoleDefinitionsDelete,
			HSMRoleAssignmentsRead, HSMRoleAssignmentsWrite, HSMRoleAssignmentsDelete,
			HSMSecurityDomainDownload, HSMSecurityDomainDownRead, HSMSecurityDomainUpload, HSMSecurityDomainUpRead,
			HSMSecurityDomainTransfer, HSMBackupStart, HSMBackupStatus, HSMRestoreStart, HSMRestoreStatus,
		}
	}
	return nil
}

// Need is what an operation asks for in each model and kind.
type Need struct {
	Permission Permission // access policy; "" where no policy can give it
	Vault      Action     // role action of a vault; "" where a vault has no such operation
	HSM        Action     // role action of a managed HSM
}

// Action is the role action for a kind, "" for an unknown one.
func (n Need) Action(kind Kind) Action {
	switch kind {
	case Vault:
		return n.Vault
	case HSM:
		return n.HSM
	}
	return ""
}

// Needs tells what a key operation asks for, by its name in the audit log ("KeyWrap", "KeyGet", ...). An unknown name has
// no need, false, and must be refused.
func Needs(operation string) (Need, bool) {
	switch operation {
	case "KeyCreate":
		return Need{PermCreate, KeysCreate, HSMKeysCreate}, true
	case "KeyImport":
		return Need{PermImport, KeysImport, HSMKeysImport}, true
	case "KeyGet", "KeyGetAttestation":
		return Need{PermGet, KeysRead, HSMKeysRead}, true
	case "DependentPut": // who opens databases with the vault's keys may say so
		return Need{PermUnwrapKey, KeysUnwrap, HSMKeysUnwrap}, true
	case "DependentDelete":
		return Need{PermDelete, KeysDelete, HSMKeysDelete}, true
	case "KeyList", "KeyListVersions", "DependentList":
		return Need{PermList, KeysRead, HSMKeysRead}, true
	case "KeyUpdate":
		return Need{PermUpdate, KeysUpdate, HSMKeysWrite}, true
	case "KeyDelete":
		return Need{PermDelete, KeysDelete, HSMKeysDelete}, true
	case "KeyListDeleted":
		return Need{PermList, KeysRead, HSMDeletedRead}, true
	case "KeyGetDeleted":
		return Need{PermGet, KeysRead, HSMDeletedRead}, true
	case "KeyRecover":
		return Need{PermRecover, KeysRecover, HSMDeletedRecover}, true
	case "KeyPurge":
		return Need{PermPurge, KeysPurge, HSMDeletedPurge}, true
	case "KeyBackup":
		return Need{PermBackup, KeysBackup, HSMKeysBackup}, true
	case "KeyRestore":
		return Need{PermRestore, KeysRestore, HSMKeysRestore}, true
	case "KeyEncrypt":
		return Need{PermEncrypt, KeysEncrypt, HSMKeysEncrypt}, true
	case "KeyDecrypt":
		return Need{PermDecrypt, KeysDecrypt, HSMKeysDecrypt}, true
	case "KeyWrap":
		return Need{PermWrapKey, KeysWrap, HSMKeysWrap}, true
	case "KeyUnwrap":
		return Need{PermUnwrapKey, KeysUnwrap, HSMKeysUnwrap}, true
	case "KeySign":
		return Need{PermSign, KeysSign, HSMKeysSign}, true
	case "KeyVerify":
		return Need{PermVerify, KeysVerify, HSMKeysVerify}, true
	case "KeyRelease":
		return Need{PermRelease, KeysRelease, HSMKeysRelease}, true
	case "KeyRotate":
		return Need{PermRotate, KeysRotate, HSMKeysRotate}, true
	case "KeyRotationPolicyGet":
		return Need{PermGetRotationPolicy, RotationRead, HSMKeysRead}, true
	case "KeyRotationPolicySet":
		return Need{PermSetRotationPolicy, RotationSet, HSMKeysWrite}, true
	case "RandomBytesGet":
		return Need{HSM: HSMRandom}, true
	}
	return Need{}, false
}
