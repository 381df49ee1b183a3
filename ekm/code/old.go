package code

// Results of vault operations, and the numbers that older builds used for codes of the HTTP exchange. They are here so that
// a log of such a build can be explained; nothing returns them.
const (
	// AKVSuccess is code 3000.
	AKVSuccess = provider + 3000
	// AKVUnknown is code 3001.
	AKVUnknown = provider + 3001
	// OldHTTPCreateHTTPClientOutOfMemory is code 3002.
	OldHTTPCreateHTTPClientOutOfMemory = provider + 3002
	// OldHTTPOpenSession is code 3003.
	OldHTTPOpenSession = provider + 3003
	// OldHTTPConnectSession is code 3004.
	OldHTTPConnectSession = provider + 3004
	// OldHTTPAttemptConnect is code 3005.
	OldHTTPAttemptConnect = provider + 3005
	// OldHTTPOpenRequest is code 3006.
	OldHTTPOpenRequest = provider + 3006
	// OldHTTPAddRequestHeader is code 3007.
	OldHTTPAddRequestHeader = provider + 3007
	// OldHTTPSendRequest is code 3008.
	OldHTTPSendRequest = provider + 3008
	// OldHTTPGetResponseCode is code 3009.
	OldHTTPGetResponseCode = provider + 3009
	// OldHTTPResponseCodeUnauthorized is code 3010.
	OldHTTPResponseCodeUnauthorized = provider + 3010
	// OldHTTPResponseCodeThrottled is code 3011.
	OldHTTPResponseCodeThrottled = provider + 3011
	// OldHTTPResponseCodeClientError is code 3012.
	OldHTTPResponseCodeClientError = provider + 3012
	// OldHTTPResponseCodeServerError is code 3013.
	OldHTTPResponseCodeServerError = provider + 3013
	// OldHTTPQueryHeader is code 3014.
	OldHTTPQueryHeader = provider + 3014
	// OldHTTPQueryHeaderOutOfMemoryCopyHeader is code 3015.
	OldHTTPQueryHeaderOutOfMemoryCopyHeader = provider + 3015
	// OldHTTPQueryHeaderOutOfMemoryReallocBuffer is code 3016.
	OldHTTPQueryHeaderOutOfMemoryReallocBuffer = provider + 3016
	// OldHTTPQueryHeaderNotFound is code 3017.
	OldHTTPQueryHeaderNotFound = provider + 3017
	// OldHTTPQueryHeaderUpdateBufferLength is code 3018.
	OldHTTPQueryHeaderUpdateBufferLength = provider + 3018
	// OldHTTPReadData is code 3019.
	OldHTTPReadData = provider + 3019
	// OldHTTPResourceNotFound is code 3076.
	OldHTTPResourceNotFound = provider + 3076
	// OldHTTPOperationForbidden is code 3077.
	OldHTTPOperationForbidden = provider + 3077
)
