package code

// Codes of the HTTP exchange with the vault or the token endpoint, one number per step.
const (
	// HTTPCreateHTTPClientOutOfMemory is code 3100.
	HTTPCreateHTTPClientOutOfMemory = provider + 3100
	// HTTPOpenSession is code 3101.
	HTTPOpenSession = provider + 3101
	// HTTPConnectSession is code 3102.
	HTTPConnectSession = provider + 3102
	// HTTPAttemptConnect is code 3103.
	HTTPAttemptConnect = provider + 3103
	// HTTPOpenRequest is code 3104.
	HTTPOpenRequest = provider + 3104
	// HTTPAddRequestHeader is code 3105.
	HTTPAddRequestHeader = provider + 3105
	// HTTPSendRequest is code 3106.
	HTTPSendRequest = provider + 3106
	// HTTPGetResponseCode is code 3107.
	HTTPGetResponseCode = provider + 3107
	// HTTPResponseCodeUnauthorized is code 3108.
	HTTPResponseCodeUnauthorized = provider + 3108
	// HTTPResponseCodeThrottled is code 3109.
	HTTPResponseCodeThrottled = provider + 3109
	// HTTPResponseCodeClientError is code 3110.
	HTTPResponseCodeClientError = provider + 3110
	// HTTPResponseCodeServerError is code 3111.
	HTTPResponseCodeServerError = provider + 3111
	// HTTPResourceNotFound is code 3112.
	HTTPResourceNotFound = provider + 3112
	// HTTPOperationForbidden is code 3113.
	HTTPOperationForbidden = provider + 3113
	// HTTPQueryHeader is code 3114.
	HTTPQueryHeader = provider + 3114
	// HTTPQueryHeaderOutOfMemoryCopyHeader is code 3115.
	HTTPQueryHeaderOutOfMemoryCopyHeader = provider + 3115
	// HTTPQueryHeaderOutOfMemoryReallocBuffer is code 3116.
	HTTPQueryHeaderOutOfMemoryReallocBuffer = provider + 3116
	// HTTPQueryHeaderNotFound is code 3117.
	HTTPQueryHeaderNotFound = provider + 3117
	// HTTPQueryHeaderUpdateBufferLength is code 3118.
	HTTPQueryHeaderUpdateBufferLength = provider + 3118
	// HTTPReadData is code 3119.
	HTTPReadData = provider + 3119
	// HTTPGetResponseOutOfMemoryCreateTempBuffer is code 3120.
	HTTPGetResponseOutOfMemoryCreateTempBuffer = provider + 3120
	// HTTPGetResponseOutOfMemoryGetResultString is code 3121.
	HTTPGetResponseOutOfMemoryGetResultString = provider + 3121
	// HTTPGetResponseOutOfMemoryAppendResponse is code 3122.
	HTTPGetResponseOutOfMemoryAppendResponse = provider + 3122
	// HTTPBadRequest is code 3128.
	HTTPBadRequest = provider + 3128
)
