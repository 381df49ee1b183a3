// Package keydb keeps vaults, keys and key versions as records in a store.Store: names, encoding, sealing of private
// material, caches. It decides nothing: who may do what and when is package vault's.
//
// A key has one head (live or deleted, never both) which names an incarnation, a random id; the versions and their sealed
// private halves lie under the incarnation. So a deletion or recovery moves one small record, a restore writes its versions
// unseen and becomes visible with the head, and a purge takes effect at once while a garbage marker sees that the
// rest goes. Every write goes through a [Batch] with conditions on the revisions that were read: two servers on one store,
// or two requests on one key, cannot lose each other's changes.
//
// Public data is in clear JSON, readable without unsealing; private keys are sealed with their record's name as associated
// data, so that a sealed value moved to another name does not open. Parsed private keys stay in a bounded cache; decoded
// records are cached by revision, so that a change by another server is seen at the next read. See docs/formats/vault-store.md.
package keydb
