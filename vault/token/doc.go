// Package token validates the bearer tokens that a vault gets, in full: signature, issuer, audience, times, tenant, type.
//
// Make one [Validator] for the issuers that a vault trusts and call [Validator.Validate] with the token and the audience
// of the host that was asked ("https://vault.azure.net"); what comes back is the caller, or an *akv.Error with status 401
// and the service's text. The challenge header is the HTTP server's. A token says who calls, not what is allowed:
// package rbac decides that.
//
// Accepted are RS256, PS256 and ES256 under a published key of the issuer that the token names; "none", HMAC and anything
// else are refused before a key is looked for. The audience must be the one asked for, to the letter (with a slash at its
// end it is another one), or the key vault's own application id where Config says so. Times may be off by Config.Skew.
// A token larger than [MaxToken] is not looked at.
//
// A validated token is remembered under its SHA-256 until it expires, is pushed out by others, or its issuer takes a key
// back; so a caller that keeps its token costs one hash, not a signature check. The cache never holds a token itself.
//
// Keys come from a [Keys]: package entra hands its own over in the process, jwks.Remote fetches those of another issuer
// (a real Entra ID tenant, any OpenID Connect issuer) and bounds how long it lives on old ones in an outage.
//
// Not covered: proof-of-possession tokens, continuous access evaluation, revocation before expiry.
package token
