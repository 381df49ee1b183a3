// Package vaulttest runs a whole key vault server inside a test: the real service, REST interface, seal and token checks, over
// TLS on a loopback port, with a certificate authority and a token issuer of its own.
//
//	s := vaulttest.New(t, nil)
//	key := s.MustKey(t, "kv1", "sqlkey", nil)
//	client, err := azkeys.NewClient(s.VaultURL("kv1"), s.Credential(s.Admin()), s.AzureOptions())
//
// Every option may be nil or zero. Without options there is one premium vault "kv1" and one Managed HSM "hsm1" in which
// [Server.Admin] may do everything, storage in memory, and the system's clock. The vaults answer as
// https://kv1.vault.localhost:PORT; [Server.Client] resolves any name to the server and trusts its authority alone.
//
// [Server.Stop] and [Server.Start] take the server away and bring it back at the same address; [Audit] has what was recorded and
// can be made to fail. Not for anything but tests: its tokens are whoever asks for them.
package vaulttest
