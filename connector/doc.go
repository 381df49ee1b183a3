// Package connector is the EKM provider itself: from a SQL credential to a key that is found by name, known by its thumbprint, and
// used to wrap and unwrap. It knows no HTTP and no cloud: [Config.Open] gives it a [Vault], and everything that a vault's client
// must tell it travels in package ekm/keystore.
//
// Make one [Provider] per process with [New] and share it; it implements ekm.Provider. Sessions are cheap: what they share (tokens,
// keys, connections) belongs to the vault's client and to the Provider.
//
// # What it sees to
//
//   - A call ends within Config.Budget, and each try within Config.TryTimeout. What may be repeated is repeated, with growing,
//     jittered waits; a Retry-After is honoured as far as the budget goes.
//   - A vault that does not answer is left alone: one call at a time probes it. Only outages count for that; a vault that refuses is
//     there. A 403 without a known reason is tried once more and reported as a suspicion.
//   - Identical unwraps that run at the same time are one request, for one identity. Each caller owns its copy of the result, and
//     a caller that gives up takes nothing from the others. Nothing that was unwrapped is kept.
//   - An unversioned name is resolved once, by KeyByName; the map and every later call use the version that it gave.
//   - A lost map is filled again by listing the vault's keys and computing their thumbprints.
//   - What ends soon is reported 60, 30, 14, 7 and 1 days before, once per object and stage in the life of the Provider.
//
// # What it does not do
//
// It makes, deletes and imports no keys (code 3), it does not enumerate them, and it keeps no plaintext. It cannot stop a principal
// who may unwrap from unwrapping. Old name-based thumbprints (connector 1.0.4 and before) are not known to it.
package connector
