package door

import (
	"latchkey/akv"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
)

// Needed refuses a change that takes versions of keys from servers that registered that they need them, unless the caller forces it with a reason; that and who needs what go
// into the audit record. of says which versions the change takes away. The change is committed only if no server has come to need anything else meanwhile.
func (tx *Tx) Needed(b *keydb.Batch, of func(akv.Use) bool) error {
	list, rev, err := tx.DB.Dependents(tx.Ctx, tx.Vault.ID)
	if err != nil {
		return err
	}
	b.CheckDependents(tx.Vault.ID, rev)
	return tx.unless(keyspec.Needed(list, tx.Now.Unix(), of))
}

// neededVault is Needed for a vault that goes with all its keys.
func (tx *Tx) neededVault(b *keydb.Batch) error {
	list, rev, err := tx.DB.Dependents(tx.Ctx, tx.Vault.ID)
	if err != nil {
		return err
	}
	b.CheckDependents(tx.Vault.ID, rev)
	return tx.unless(keyspec.NeededVault(list, tx.Now.Unix()))
}

// unless refuses what bad says, unless the caller forces it.
func (tx *Tx) unless(bad *akv.Error) error {
	switch {
	case bad == nil:
		return nil
	case tx.Call.Force == "":
		return bad
	}
	tx.note = "forced: " + tx.Call.Force + "; " + bad.Message[:min(len(bad.Message), maxNote)]
	return nil
}

const maxNote = 300

// Note adds to the audit record of a success why it was done.
func (tx *Tx) Note(why string) { tx.note = why[:min(len(why), maxNote)] }
