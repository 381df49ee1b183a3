package door

import (
	"latchkey/vault/rbac"
	"latchkey/vault/throttle"
)

// Op is an operation of the service.
type Op uint8

// The operations on keys, then those on roles and on vaults.
const (
	opNone Op = iota
	OpKeyCreate
	OpKeyImport
	OpKeyGet
	OpKeyList
	OpKeyListVersions
	OpKeyUpdate
	OpKeyDelete
	OpKeyListDeleted
	OpKeyGetDeleted
	OpKeyRecover
	OpKeyPurge
	OpKeyBackup
	OpKeyRestore
	OpKeyEncrypt
	OpKeyDecrypt
	OpKeyWrap
	OpKeyUnwrap
	OpKeySign
	OpKeyVerify
	OpKeyRelease
	OpKeyRotate
	OpKeyRotationPolicyGet
	OpKeyRotationPolicySet
	OpKeyGetAttestation
	OpRandomBytes
	OpDependentPut
	OpDependentList
	OpDependentDelete
	OpRoleDefinitionGet
	OpRoleDefinitionList
	OpRoleDefinitionPut
	OpRoleDefinitionDelete
	OpRoleAssignmentGet
	OpRoleAssignmentList
	OpRoleAssignmentPut
	OpRoleAssignmentDelete
	OpVaultGet
	OpVaultPut
	OpVaultPatch
	OpVaultDelete
	OpVaultRecover
	OpVaultPurge
	OpVaultAccess
	OpVaultList
	OpVaultPurgePostponed
	OpKeyRotateIfDue
	OpKeyPurgeIfDue
	OpKeyExpiryEvent
	OpUnknown // a request that is no route, for the audit record
)

// Operation is what is known of an Op.
type Operation struct {
	Name   string    // in audit records
	Need   rbac.Need // what the caller must be allowed
	Bucket throttle.Bucket
	// Changes says that success leaves the store different: recorded before the commit.
	Changes bool
	admin   bool // on vaults, not in one
	system  bool // by the clock, not by a caller
}

// Info describes the operation.
func (o Op) Info() Operation {
	if int(o) < len(operations) {
		return operations[o]
	}
	return Operation{}
}

// String is the name in audit records.
func (o Op) String() string { return o.Info().Name }

// Ops lists the operations that a caller can ask for.
func Ops() []Op {
	var all []Op
	for o := OpKeyCreate; o <= OpRoleAssignmentDelete; o++ {
		all = append(all, o)
	}
	return all
}

func keyOp(name string, bucket throttle.Bucket, changes bool) Operation {
	need, _ := rbac.Needs(name)
	return Operation{Name: name, Need: need, Bucket: bucket, Changes: changes}
}

func roleOp(name string, action rbac.Action, changes bool) Operation {
	return Operation{Name: name, Need: rbac.Need{HSM: action}, Changes: changes}
}

func adminOp(name string, changes bool) Operation {
	return Operation{Name: name, Changes: changes, admin: true}
}

var operations = [...]Operation{
	OpKeyCreate:            keyOp("KeyCreate", throttle.Create, true),
	OpKeyImport:            keyOp("KeyImport", throttle.Create, true),
	OpKeyGet:               keyOp("KeyGet", throttle.Other, false),
	OpKeyList:              keyOp("KeyList", throttle.Other, false),
	OpKeyListVersions:      keyOp("KeyListVersions", throttle.Other, false),
	OpKeyUpdate:            keyOp("KeyUpdate", throttle.Other, true),
	OpKeyDelete:            keyOp("KeyDelete", throttle.Other, true),
	OpKeyListDeleted:       keyOp("KeyListDeleted", throttle.Other, false),
	OpKeyGetDeleted:        keyOp("KeyGetDeleted", throttle.Other, false),
	OpKeyRecover:           keyOp("KeyRecover", throttle.Other, true),
	OpKeyPurge:             keyOp("KeyPurge", throttle.Other, true),
	OpKeyBackup:            keyOp("KeyBackup", throttle.Other, false),
	OpKeyRestore:           keyOp("KeyRestore", throttle.Create, true),
	OpKeyEncrypt:           keyOp("KeyEncrypt", throttle.Other, false),
	OpKeyDecrypt:           keyOp("KeyDecrypt", throttle.Other, false),
	OpKeyWrap:              keyOp("KeyWrap", throttle.Other, false),
	OpKeyUnwrap:            keyOp("KeyUnwrap", throttle.Other, false),
	OpKeySign:              keyOp("KeySign", throttle.Other, false),
	OpKeyVerify:            keyOp("KeyVerify", throttle.Other, false),
	OpKeyRelease:           keyOp("KeyRelease", throttle.Create, false),
	OpKeyRotate:            keyOp("KeyRotate", throttle.Create, true),
	OpKeyRotationPolicyGet: keyOp("KeyRotationPolicyGet", throttle.Other, false),
	OpKeyRotationPolicySet: keyOp("KeyRotationPolicySet", throttle.Other, true),
	OpKeyGetAttestation:    keyOp("KeyGetAttestation", throttle.Other, false),
	OpRandomBytes:          keyOp("RandomBytesGet", throttle.None, false),
	OpDependentPut:         keyOp("DependentPut", throttle.Other, true),
	OpDependentList:        keyOp("DependentList", throttle.Other, false),
	OpDependentDelete:      keyOp("DependentDelete", throttle.Other, true),

	OpRoleDefinitionGet:    roleOp("RoleDefinitionGet", rbac.HSMRoleDefinitionsRead, false),
	OpRoleDefinitionList:   roleOp("RoleDefinitionList", rbac.HSMRoleDefinitionsRead, false),
	OpRoleDefinitionPut:    roleOp("RoleDefinitionPut", rbac.HSMRoleDefinitionsWrite, true),
	OpRoleDefinitionDelete: roleOp("RoleDefinitionDelete", rbac.HSMRoleDefinitionsDelete, true),
	OpRoleAssignmentGet:    roleOp("RoleAssignmentGet", rbac.HSMRoleAssignmentsRead, false),
	OpRoleAssignmentList:   roleOp("RoleAssignmentList", rbac.HSMRoleAssignmentsRead, false),
	OpRoleAssignmentPut:    roleOp("RoleAssignmentPut", rbac.HSMRoleAssignmentsWrite, true),
	OpRoleAssignmentDelete: roleOp("RoleAssignmentDelete", rbac.HSMRoleAssignmentsDelete, true),

	OpVaultGet:     adminOp("VaultGet", false),
	OpVaultPut:     adminOp("VaultPut", true),
	OpVaultPatch:   adminOp("VaultPatch", true),
	OpVaultDelete:  adminOp("VaultDelete", true),
	OpVaultRecover: adminOp("VaultRecover", true),
	OpVaultPurge:   adminOp("VaultPurge", true),
	OpVaultAccess:  adminOp("VaultAccessPolicyChange", true),
	OpVaultList:    adminOp("VaultList", false),

	OpVaultPurgePostponed: adminOp("VaultPurgePostponed", true),

	OpKeyRotateIfDue: {Name: "KeyRotateIfDue", Changes: true, system: true},
	OpKeyPurgeIfDue:  {Name: "KeyPurgeIfDue", Changes: true, system: true},
	OpKeyExpiryEvent: {Name: "KeyExpiryEvent", Changes: true, system: true},
	OpUnknown:        {Name: "Unknown"},
}
