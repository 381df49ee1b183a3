// Package httpapi serves a vault.Service over the key vault REST API, so that unmodified Azure SDKs and tools work with it.
//
// Make a [Handler] with [New] and serve it over TLS: a request that came without is refused, as its token is out in the
// open. One handler serves all vaults; the host name of a request says which is meant. Everything about a
// route is in the table that [Routes] gives: documentation and tests read the same one.
//
// A request goes straight: host, route, door (vault.Service.Do: who, may they, limits, audit), body, operation, reply. A
// body is not looked at before the caller is known; it is bounded by the route. A caller without a token learns the
// tenant and the resource to ask a token for, in the challenge, and nothing else.
//
// Not here: listeners, certificates, timeouts (app/compose), token issue (entra).
package httpapi
