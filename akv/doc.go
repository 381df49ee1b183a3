// Package akv holds the shapes of the key vault REST API that server and client share: JSON bodies, key identifiers,
// names and limits, API versions, the error envelope. It does no I/O and decides nothing.
//
// The JSON shapes follow the published API to the letter ([ImportKey] has "Hsm" with a capital H). Binary members are
// [Bytes], base64url without padding on the wire, padding accepted on reading. Times are Unix seconds in *int64, nil when
// absent. Members that only some API versions carry are pointers or omitted when empty, so that a server can leave them
// out; [APIVersion.At] is the question to ask.
//
// A [JWK] or [OpParams] may carry private members or plaintext: do not log them. Both print as "[redacted]" with fmt.
package akv
