package httpapi

import (
	"net/http"
	"strings"

	"latchkey/akv"
	"latchkey/vault"
	"latchkey/vault/dependents"
	"latchkey/vault/door"
	"latchkey/vault/roles"
)

// Route is a line of the route table.
type Route struct {
	Method string
	// Path has {name} for a key's name, {version} for a version, {id} for a GUID, {scope} for the scope of the role routes.
	Path    string
	Op      door.Op
	Since   akv.Level // first API version that has it
	HSM     bool      // of Managed HSMs only
	MaxBody int64     // bytes; 0 for a route without a body
	Status  int       // of success
	Body    string    // name of the request body's shape in package akv, "" for none

	handle func(*request, *vault.Tx) (any, error)
	parts  []string // of Path
}

// Body limits in bytes.
const (
	bodyOp      = 64 << 10  // key operations, attributes
	bodyImport  = 128 << 10 // private keys, release policies
	bodyRelease = 256 << 10 // attestation tokens
	bodyRestore = 9 << 20   // backup blobs in base64
	bodyUses    = 1 << 20   // what a server needs
)

// Routes lists the routes, for documentation and tests.
func Routes() []Route { return routes() }

func plain[Resp any](f func(*vault.Tx, *request) (Resp, error)) func(*request, *vault.Tx) (any, error) {
	return func(rq *request, tx *vault.Tx) (any, error) {
		out, err := f(tx, rq)
		return out, err
	}
}

func body[Req, Resp any](f func(*vault.Tx, *request, *Req) (Resp, error)) func(*request, *vault.Tx) (any, error) {
	return func(rq *request, tx *vault.Tx) (any, error) {
		in := new(Req)
		if err := rq.decode(in); err != nil {
			return nil, err
		}
		out, err := f(tx, rq, in)
		return out, err
	}
}

func keyOp(f func(*vault.Tx, string, string, *akv.OpParams) (*akv.OpResult, error)) func(*request, *vault.Tx) (any, error) {
	return body(func(tx *vault.Tx, rq *request, p *akv.OpParams) (*akv.OpResult, error) {
		return f(tx, rq.call.Key, rq.call.KeyVersion, p)
	})
}

func routes() []Route {
	const ok = http.StatusOK
	all := []Route{
		{Method: "POST", Path: "/keys/restore", Op: door.OpKeyRestore, MaxBody: bodyRestore, Body: "Backup", handle: body(func(tx *vault.Tx, _ *request, b *akv.Backup) (*akv.KeyBundle, error) {
			return tx.RestoreKey(b)
		})},
		{Method: "POST", Path: "/keys/{name}/create", Op: door.OpKeyCreate, MaxBody: bodyOp, Body: "CreateKey", handle: body(func(tx *vault.Tx, rq *request, b *akv.CreateKey) (*akv.KeyBundle, error) {
			return tx.CreateKey(rq.call.Key, b)
		})},
		{Method: "PUT", Path: "/keys/{name}", Op: door.OpKeyImport, MaxBody: bodyImport, Body: "ImportKey", handle: body(func(tx *vault.Tx, rq *request, b *akv.ImportKey) (*akv.KeyBundle, error) {
			return tx.ImportKey(rq.call.Key, b)
		})},
		{Method: "GET", Path: "/keys", Op: door.OpKeyList, handle: plain(func(tx *vault.Tx, rq *request) (any, error) {
			return rq.list(tx, tx.ListKeys)
		})},
		{Method: "GET", Path: "/keys/{name}", Op: door.OpKeyGet, handle: plain(getKey)},
		{Method: "GET", Path: "/keys/{name}/versions", Op: door.OpKeyListVersions, handle: plain(func(tx *vault.Tx, rq *request) (any, error) {
			return rq.list(tx, func(p vault.Page) (*akv.KeyList, error) { return tx.ListVersions(rq.call.Key, p) })
		})},
		{Method: "PATCH", Path: "/keys/{name}", Op: door.OpKeyUpdate, MaxBody: bodyOp, Body: "UpdateKey", handle: body(updateKey)},
		{Method: "DELETE", Path: "/keys/{name}", Op: door.OpKeyDelete, handle: plain(func(tx *vault.Tx, rq *request) (*akv.DeletedKeyBundle, error) {
			return tx.DeleteKey(rq.call.Key)
		})},
		{Method: "GET", Path: "/deletedkeys", Op: door.OpKeyListDeleted, handle: plain(func(tx *vault.Tx, rq *request) (any, error) {
			return rq.list(tx, tx.ListDeleted)
		})},
		{Method: "GET", Path: "/deletedkeys/{name}", Op: door.OpKeyGetDeleted, handle: plain(func(tx *vault.Tx, rq *request) (*akv.DeletedKeyBundle, error) {
			return tx.GetDeleted(rq.call.Key)
		})},
		{Method: "POST", Path: "/deletedkeys/{name}/recover", Op: door.OpKeyRecover, handle: plain(func(tx *vault.Tx, rq *request) (*akv.KeyBundle, error) {
			return tx.RecoverKey(rq.call.Key)
		})},
		{Method: "DELETE", Path: "/deletedkeys/{name}", Op: door.OpKeyPurge, Status: http.StatusNoContent, handle: plain(func(tx *vault.Tx, rq *request) (any, error) {
			return nil, tx.PurgeKey(rq.call.Key)
		})},
		{Method: "POST", Path: "/keys/{name}/backup", Op: door.OpKeyBackup, handle: plain(func(tx *vault.Tx, rq *request) (*akv.Backup, error) {
			return tx.BackupKey(rq.call.Key)
		})},
		{Method: "POST", Path: "/keys/{name}/rotate", Op: door.OpKeyRotate, Since: akv.V73, handle: plain(func(tx *vault.Tx, rq *request) (*akv.KeyBundle, error) {
			return tx.RotateKey(rq.call.Key)
		})},
		{Method: "GET", Path: "/keys/{name}/rotationpolicy", Op: door.OpKeyRotationPolicyGet, Since: akv.V73, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RotationPolicy, error) {
			return tx.RotationPolicy(rq.call.Key)
		})},
		{Method: "PUT", Path: "/keys/{name}/rotationpolicy", Op: door.OpKeyRotationPolicySet, Since: akv.V73, MaxBody: bodyOp, Body: "RotationPolicy", handle: body(func(tx *vault.Tx, rq *request, b *akv.RotationPolicy) (*akv.RotationPolicy, error) {
			return tx.SetRotationPolicy(rq.call.Key, b)
		})},
		{Method: "POST", Path: "/rng", Op: door.OpRandomBytes, Since: akv.V73, HSM: true, MaxBody: bodyOp, Body: "RandomParams", handle: body(func(tx *vault.Tx, _ *request, b *akv.RandomParams) (*akv.RandomResult, error) {
			return tx.Random(b)
		})},
	}
	all = append(all, dependentRoutes()...)
	verbs := []Route{
		{Method: "POST", Path: "encrypt", Op: door.OpKeyEncrypt, handle: keyOp((*vault.Tx).Encrypt)},
		{Method: "POST", Path: "decrypt", Op: door.OpKeyDecrypt, handle: keyOp((*vault.Tx).Decrypt)},
		{Method: "POST", Path: "wrapkey", Op: door.OpKeyWrap, handle: keyOp((*vault.Tx).WrapKey)},
		{Method: "POST", Path: "unwrapkey", Op: door.OpKeyUnwrap, handle: keyOp((*vault.Tx).UnwrapKey)},
		{Method: "POST", Path: "sign", Op: door.OpKeySign, handle: keyOp((*vault.Tx).Sign)},
		{Method: "POST", Path: "verify", Op: door.OpKeyVerify, Body: "VerifyParams", handle: body(func(tx *vault.Tx, rq *request, b *akv.VerifyParams) (*akv.VerifyResult, error) {
			return tx.Verify(rq.call.Key, rq.call.KeyVersion, b)
		})},
		{Method: "POST", Path: "release", Op: door.OpKeyRelease, Since: akv.V73, MaxBody: bodyRelease, Body: "ReleaseParams", handle: body(func(tx *vault.Tx, rq *request, b *akv.ReleaseParams) (*akv.ReleaseResult, error) {
			return tx.ReleaseKey(rq.call.Key, rq.call.KeyVersion, b)
		})},
		{Method: "GET", Path: "attestation", Op: door.OpKeyGetAttestation, Since: akv.V76, handle: plain(func(tx *vault.Tx, rq *request) (*akv.KeyBundle, error) {
			return tx.Attestation(rq.call.Key, rq.call.KeyVersion)
		})},
	}
	for _, v := range verbs {
		if v.Method == "POST" {
			v.MaxBody = max(v.MaxBody, bodyOp)
			if v.Body == "" {
				v.Body = "OpParams"
			}
		}
		verb := v.Path
		for _, prefix := range []string{"/keys/{name}/", "/keys/{name}/{version}/"} {
			v.Path = prefix + verb
			all = append(all, v)
		}
	}
	// After the verbs: a version is anything that is not a word of the route table.
	all = append(all,
		Route{Method: "GET", Path: "/keys/{name}/{version}", Op: door.OpKeyGet, handle: plain(getKey)},
		Route{Method: "PATCH", Path: "/keys/{name}/{version}", Op: door.OpKeyUpdate, MaxBody: bodyOp, Body: "UpdateKey", handle: body(updateKey)},
	)
	all = append(all, roleRoutes()...)
	for i := range all {
		r := &all[i]
		if r.Status == 0 {
			r.Status = ok
		}
		if r.Since == 0 {
			r.Since = akv.V2016
		}
		r.parts = strings.Split(r.Path[1:], "/")
	}
	return all
}

func getKey(tx *vault.Tx, rq *request) (*akv.KeyBundle, error) {
	return tx.GetKey(rq.call.Key, rq.call.KeyVersion)
}

func updateKey(tx *vault.Tx, rq *request, b *akv.UpdateKey) (*akv.KeyBundle, error) {
	return tx.UpdateKey(rq.call.Key, rq.call.KeyVersion, b)
}

// dependentRoutes are Latchkey's own: which servers need which versions of keys.
func dependentRoutes() []Route {
	const one = akv.PathDependents + "/{id}"
	return []Route{
		{Method: "GET", Path: akv.PathDependents, Op: door.OpDependentList, handle: plain(func(tx *vault.Tx, _ *request) (*akv.DependentList, error) {
			return dependents.List(tx.Tx)
		})},
		{Method: "PUT", Path: one, Op: door.OpDependentPut, MaxBody: bodyUses, Body: "Dependent", handle: body(func(tx *vault.Tx, rq *request, b *akv.Dependent) (*akv.Dependent, error) {
			return dependents.Put(tx.Tx, rq.args.id, b)
		})},
		{Method: "DELETE", Path: one, Op: door.OpDependentDelete, handle: plain(func(tx *vault.Tx, rq *request) (*akv.Dependent, error) {
			return dependents.Delete(tx.Tx, rq.args.id)
		})},
	}
}

// roleRoutes are the local role routes of a Managed HSM, under {scope}/providers/Microsoft.Authorization.
func roleRoutes() []Route {
	const (
		definitions = "/{scope}/providers/Microsoft.Authorization/roleDefinitions"
		assignments = "/{scope}/providers/Microsoft.Authorization/roleAssignments"
	)
	return []Route{
		{Method: "GET", Path: definitions, HSM: true, Op: door.OpRoleDefinitionList, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RoleDefinitionList, error) {
			name, err := rq.filter("roleName")
			if err != nil {
				return nil, err
			}
			return roles.ListRoles(tx.Tx, name)
		})},
		{Method: "GET", Path: definitions + "/{id}", HSM: true, Op: door.OpRoleDefinitionGet, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RoleDefinition, error) {
			return roles.GetRole(tx.Tx, rq.args.id)
		})},
		{Method: "PUT", Path: definitions + "/{id}", HSM: true, Op: door.OpRoleDefinitionPut, Status: http.StatusCreated, MaxBody: bodyOp, Body: "RoleDefinition", handle: body(func(tx *vault.Tx, rq *request, b *akv.RoleDefinition) (*akv.RoleDefinition, error) {
			return roles.PutRole(tx.Tx, rq.args.id, b)
		})},
		{Method: "DELETE", Path: definitions + "/{id}", HSM: true, Op: door.OpRoleDefinitionDelete, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RoleDefinition, error) {
			return roles.DeleteRole(tx.Tx, rq.args.id)
		})},
		{Method: "GET", Path: assignments, HSM: true, Op: door.OpRoleAssignmentList, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RoleAssignmentList, error) {
			who, err := rq.filter("principalId")
			if err != nil {
				return nil, err
			}
			return roles.ListAssignments(tx.Tx, who)
		})},
		{Method: "GET", Path: assignments + "/{id}", HSM: true, Op: door.OpRoleAssignmentGet, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RoleAssignment, error) {
			return roles.GetAssignment(tx.Tx, rq.args.id)
		})},
		{Method: "PUT", Path: assignments + "/{id}", HSM: true, Op: door.OpRoleAssignmentPut, Status: http.StatusCreated, MaxBody: bodyOp, Body: "RoleAssignment", handle: body(func(tx *vault.Tx, rq *request, b *akv.RoleAssignment) (*akv.RoleAssignment, error) {
			return roles.PutAssignment(tx.Tx, rq.args.id, b)
		})},
		{Method: "DELETE", Path: assignments + "/{id}", HSM: true, Op: door.OpRoleAssignmentDelete, handle: plain(func(tx *vault.Tx, rq *request) (*akv.RoleAssignment, error) {
			return roles.DeleteAssignment(tx.Tx, rq.args.id)
		})},
	}
}
