// Package azure is the client side of a key vault: it reads SQL credentials, checks a vault's challenge, gets tokens and calls
// the keys REST API. It speaks to Azure Key Vault and Managed HSM in every cloud and to Latchkey's own vault alike.
//
// Make one [Opener] for a process; [Opener.Open] turns an ekm.Credential into a [Vault]. Each method of Vault is one request,
// answered or failed: waiting and repeating are the caller's business, who finds what it needs in the error's
// keystore.Failure. The one exception is a 401, after which the challenge is read again and the request repeated once.
//
// # Credentials
//
// IDENTITY is a vault's name ("ContosoVault": the public cloud unless Config.Suffix says otherwise), a vault's or Managed HSM's
// host name, or the URL of a vault with its port ("https://vault.example:8443"). "Managed Identity" and "Workload Identity" take
// the vault from the credential's name. SECRET is the client id as 32 hex digits, directly followed by one of
//
//	the client secret, taken as it is
//	pem-file=PATH                        certificate and private key in one PEM file
//	pem=TEXT                             the same, inline: PEM text, or base64 of it
//	pfx-file=PATH[;password=PASSWORD]    a PKCS #12 file
//	pfx=BASE64[;password=PASSWORD]       the same, inline
//	federated-token-file=PATH            workload identity: a token that the platform keeps fresh
//
// The password runs to the end of the secret and may hold anything. Files are read again for every token, so a renewed
// certificate is used without any change here. See docs/credentials.md.
//
// # What is promised
//
// No secret and no token is sent before the vault's challenge was checked: https, a resource that is a parent of the vault's
// host (ports included), an authority that is one of Entra ID's well-known hosts or named in [Settings]. A redirect is never
// followed. Every reply is bounded in size. No error, event or log line holds a secret, even if a server echoes it.
//
// What is not done: interactive logins, certificates in the Windows store, and checking certificate revocation lists.
package azure
