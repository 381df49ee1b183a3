package code

// The interface's own codes (0 to 7), the two HTTP statuses that the connector passes on raw, and its codes about names,
// secrets and the thumbprint map.
const (
	// Success is code 0.
	Success = provider + 0
	// Failure is code 1.
	Failure = provider + 1
	// InsufficientBuffer is code 2.
	InsufficientBuffer = provider + 2
	// NotSupported is code 3.
	NotSupported = provider + 3
	// NotFound is code 4.
	NotFound = provider + 4
	// AuthFailure is code 5.
	AuthFailure = provider + 5
	// InvalidArgument is code 6.
	InvalidArgument = provider + 6
	// ProviderError is code 7.
	ProviderError = provider + 7
	// AcquireToken is code 401.
	AcquireToken = provider + 401
	// GetKeyByName is code 404.
	GetKeyByName = provider + 404
	// KeyNameDoesNotFitThumbprint is code 2049.
	KeyNameDoesNotFitThumbprint = provider + 2049
	// PasswordTooShort is code 2050.
	PasswordTooShort = provider + 2050
	// OutOfMemory is code 2051.
	OutOfMemory = provider + 2051
	// ConvertKeyNameToThumbprint is code 2052.
	ConvertKeyNameToThumbprint = provider + 2052
	// ConvertThumbprintToKeyName is code 2053.
	ConvertThumbprintToKeyName = provider + 2053
	// ThumbprintExistedInRegistry is code 2057.
	ThumbprintExistedInRegistry = provider + 2057
	// FailureInRegistry is code 2058.
	FailureInRegistry = provider + 2058
)
