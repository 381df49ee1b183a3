package vault

import (
	"net/http"

	"latchkey/akv"
	"latchkey/vault/door"
)

func (tx *Tx) notFound(name, version string) *akv.Error {
	what := name
	if version != "" {
		what += "/" + version
	}
	if tx.Vault.HSM {
		return door.Fail(http.StatusNotFound, akv.CodeKeyNotFound, "", "Key not found: Key not found: %s/keys/%s", tx.Call.Base, what)
	}
	return door.Fail(http.StatusNotFound, akv.CodeKeyNotFound, "", "A key with (name/id) %s was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182", what)
}

func deletedNotFound(name string) *akv.Error {
	return door.Fail(http.StatusNotFound, akv.CodeKeyNotFound, "", "Deleted Key not found: %s", name)
}

func beingDeleted() *akv.Error {
	return door.Conflict(akv.InnerBeingDeleted, "Key is currently being deleted.")
}

func deletedRecoverable(name string) *akv.Error {
	return door.Conflict(akv.InnerDeletedRecoverable, "Key %s is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the key can only be recovered or purged.", name)
}
