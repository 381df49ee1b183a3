package code

// The interface's own codes (0 to 7), the two HTTP statuses that the connector passes on raw, and its codes about names,
// secrets and the thumbprint map.
const (
	// Success is code 0: the call did what it was asked to do.
	Success = provider + 0
	// Failure is code 1: the provider could not do what it was asked and has no more exact number for the reason.
	Failure = provider + 1
	// InsufficientBuffer is code 2: the caller's buffer is too small for the answer.
	InsufficientBuffer = provider + 2
	// NotSupported is code 3: the provider does not do this: a function, an option, a key type or an algorithm that
	// it does not serve.
	NotSupported = provider + 3
	// NotFound is code 4: the provider knows no key or algorithm by this name, number or thumbprint.
	NotFound = provider + 4
	// AuthFailure is code 5: the provider refused the session: who asks could not be established.
	AuthFailure = provider + 5
	// InvalidArgument is code 6: the caller passed something that the interface does not allow: a null pointer, a
	// length over the limit, an empty name.
	InvalidArgument = provider + 6
	// ProviderError is code 7: something inside the provider broke, and was caught before it could harm the server.
	ProviderError = provider + 7
	// AcquireToken is code 401: the identity was refused (HTTP 401) while a token was being acquired.
	AcquireToken = provider + 401
	// GetKeyByName is code 404: the vault answered that it has no key of this name (HTTP 404).
	GetKeyByName = provider + 404
	// KeyNameDoesNotFitThumbprint is code 2049: the key's name is longer than the 26 characters that fitted the old
	// form of thumbprint.
	KeyNameDoesNotFitThumbprint = provider + 2049
	// PasswordTooShort is code 2050: the credential's SECRET has fewer than 32 characters, so it cannot begin with a
	// client id.
	PasswordTooShort = provider + 2050
	// OutOfMemory is code 2051: the server had no memory left for the provider.
	OutOfMemory = provider + 2051
	// ConvertKeyNameToThumbprint is code 2052: the key's name could not be turned into a thumbprint of the old form.
	ConvertKeyNameToThumbprint = provider + 2052
	// ConvertThumbprintToKeyName is code 2053: a thumbprint of the old form could not be turned back into a key's
	// name.
	ConvertThumbprintToKeyName = provider + 2053
	// ThumbprintExistedInRegistry is code 2057: this key's thumbprint is already mapped to another key URI, and the
	// map does not overwrite on its own.
	ThumbprintExistedInRegistry = provider + 2057
	// FailureInRegistry is code 2058: the thumbprint map could not be read or written.
	FailureInRegistry = provider + 2058
)
