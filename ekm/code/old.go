package code

// Results of vault operations, and the numbers that older builds used for codes of the HTTP exchange. They are here so that
// a log of such a build can be explained; nothing returns them.
const (
	// AKVSuccess is code 3000: the vault operation did what it was asked to do.
	AKVSuccess = provider + 3000
	// AKVUnknown is code 3001: the vault operation failed, and the connector has no number for the reason.
	AKVUnknown = provider + 3001
	// OldHTTPCreateHTTPClientOutOfMemory is code 3002: the older number of HTTPCreateHTTPClientOutOfMemory.
	OldHTTPCreateHTTPClientOutOfMemory = provider + 3002
	// OldHTTPOpenSession is code 3003: the older number of HTTPOpenSession.
	OldHTTPOpenSession = provider + 3003
	// OldHTTPConnectSession is code 3004: the older number of HTTPConnectSession.
	OldHTTPConnectSession = provider + 3004
	// OldHTTPAttemptConnect is code 3005: the older number of HTTPAttemptConnect.
	OldHTTPAttemptConnect = provider + 3005
	// OldHTTPOpenRequest is code 3006: the older number of HTTPOpenRequest.
	OldHTTPOpenRequest = provider + 3006
	// OldHTTPAddRequestHeader is code 3007: the older number of HTTPAddRequestHeader.
	OldHTTPAddRequestHeader = provider + 3007
	// OldHTTPSendRequest is code 3008: the older number of HTTPSendRequest.
	OldHTTPSendRequest = provider + 3008
	// OldHTTPGetResponseCode is code 3009: the older number of HTTPGetResponseCode.
	OldHTTPGetResponseCode = provider + 3009
	// OldHTTPResponseCodeUnauthorized is code 3010: the older number of HTTPResponseCodeUnauthorized.
	OldHTTPResponseCodeUnauthorized = provider + 3010
	// OldHTTPResponseCodeThrottled is code 3011: the older number of HTTPResponseCodeThrottled.
	OldHTTPResponseCodeThrottled = provider + 3011
	// OldHTTPResponseCodeClientError is code 3012: the older number of HTTPResponseCodeClientError.
	OldHTTPResponseCodeClientError = provider + 3012
	// OldHTTPResponseCodeServerError is code 3013: the older number of HTTPResponseCodeServerError.
	OldHTTPResponseCodeServerError = provider + 3013
	// OldHTTPQueryHeader is code 3014: the older number of HTTPQueryHeader.
	OldHTTPQueryHeader = provider + 3014
	// OldHTTPQueryHeaderOutOfMemoryCopyHeader is code 3015: the older number of HTTPQueryHeaderOutOfMemoryCopyHeader.
	OldHTTPQueryHeaderOutOfMemoryCopyHeader = provider + 3015
	// OldHTTPQueryHeaderOutOfMemoryReallocBuffer is code 3016: the older number of
	// HTTPQueryHeaderOutOfMemoryReallocBuffer.
	OldHTTPQueryHeaderOutOfMemoryReallocBuffer = provider + 3016
	// OldHTTPQueryHeaderNotFound is code 3017: the older number of HTTPQueryHeaderNotFound.
	OldHTTPQueryHeaderNotFound = provider + 3017
	// OldHTTPQueryHeaderUpdateBufferLength is code 3018: the older number of HTTPQueryHeaderUpdateBufferLength.
	OldHTTPQueryHeaderUpdateBufferLength = provider + 3018
	// OldHTTPReadData is code 3019: the older number of HTTPReadData.
	OldHTTPReadData = provider + 3019
	// OldHTTPResourceNotFound is code 3076: the older number of HTTPResourceNotFound.
	OldHTTPResourceNotFound = provider + 3076
	// OldHTTPOperationForbidden is code 3077: the older number of HTTPOperationForbidden.
	OldHTTPOperationForbidden = provider + 3077
)
