package code

// Codes of the HTTP exchange with the vault or the token endpoint, one number per step.
const (
	// HTTPCreateHTTPClientOutOfMemory is code 3100: there was no memory for the HTTP client.
	HTTPCreateHTTPClientOutOfMemory = provider + 3100
	// HTTPOpenSession is code 3101: the HTTP client could not be set up, so nothing was sent.
	HTTPOpenSession = provider + 3101
	// HTTPConnectSession is code 3102: no TCP connection to the host could be made.
	HTTPConnectSession = provider + 3102
	// HTTPAttemptConnect is code 3103: there was no way out to the network: the proxy could not be reached or did not
	// let the connection through.
	HTTPAttemptConnect = provider + 3103
	// HTTPOpenRequest is code 3104: the request could not be formed, so nothing was sent.
	HTTPOpenRequest = provider + 3104
	// HTTPAddRequestHeader is code 3105: a header could not be added to the request, so nothing was sent.
	HTTPAddRequestHeader = provider + 3105
	// HTTPSendRequest is code 3106: the request could not be sent, or the connection broke before any answer: this
	// includes every failure of TLS.
	HTTPSendRequest = provider + 3106
	// HTTPGetResponseCode is code 3107: the request went out, but no HTTP status came back.
	HTTPGetResponseCode = provider + 3107
	// HTTPResponseCodeUnauthorized is code 3108: the vault did not accept the token (HTTP 401), even after a fresh
	// one.
	HTTPResponseCodeUnauthorized = provider + 3108
	// HTTPResponseCodeThrottled is code 3109: the vault asks to slow down (HTTP 429).
	HTTPResponseCodeThrottled = provider + 3109
	// HTTPResponseCodeClientError is code 3110: the vault rejected the request as wrong (an HTTP 4xx without a code
	// of its own).
	HTTPResponseCodeClientError = provider + 3110
	// HTTPResponseCodeServerError is code 3111: the vault, or a gateway before it, failed (an HTTP status from 500 to
	// 599).
	HTTPResponseCodeServerError = provider + 3111
	// HTTPResourceNotFound is code 3112: the vault has no such key or version (HTTP 404).
	HTTPResourceNotFound = provider + 3112
	// HTTPOperationForbidden is code 3113: the vault knows who asks and refuses (HTTP 403).
	HTTPOperationForbidden = provider + 3113
	// HTTPQueryHeader is code 3114: a header of the answer could not be read.
	HTTPQueryHeader = provider + 3114
	// HTTPQueryHeaderOutOfMemoryCopyHeader is code 3115: there was no memory to copy a header of the answer.
	HTTPQueryHeaderOutOfMemoryCopyHeader = provider + 3115
	// HTTPQueryHeaderOutOfMemoryReallocBuffer is code 3116: there was no memory to enlarge the buffer for a header of
	// the answer.
	HTTPQueryHeaderOutOfMemoryReallocBuffer = provider + 3116
	// HTTPQueryHeaderNotFound is code 3117: the answer lacks a header that the protocol requires, such as
	// WWW-Authenticate in the vault's challenge.
	HTTPQueryHeaderNotFound = provider + 3117
	// HTTPQueryHeaderUpdateBufferLength is code 3118: the length of a header buffer could not be adjusted.
	HTTPQueryHeaderUpdateBufferLength = provider + 3118
	// HTTPReadData is code 3119: the answer began but its body could not be read to the end.
	HTTPReadData = provider + 3119
	// HTTPGetResponseOutOfMemoryCreateTempBuffer is code 3120: there was no memory for a buffer to read the answer
	// into.
	HTTPGetResponseOutOfMemoryCreateTempBuffer = provider + 3120
	// HTTPGetResponseOutOfMemoryGetResultString is code 3121: there was no memory to make a string of the answer.
	HTTPGetResponseOutOfMemoryGetResultString = provider + 3121
	// HTTPGetResponseOutOfMemoryAppendResponse is code 3122: there was no memory to append a part of the answer.
	HTTPGetResponseOutOfMemoryAppendResponse = provider + 3122
	// HTTPBadRequest is code 3128: the token endpoint could not make sense of the client id and secret (HTTP 400):
	// the parts may be right, their form is not.
	HTTPBadRequest = provider + 3128
)
