package code

// Codes of the operations on keys, and two that belong to no family.
const (
	// GetKeyByNameOutOfMemoryConvertResponseString is code 3400: there was no memory to convert the vault's answer
	// about the key.
	GetKeyByNameOutOfMemoryConvertResponseString = provider + 3400
	// GetKeyByNameOutOfMemoryConcatPath is code 3401: there was no memory to build the path of the request for the
	// key.
	GetKeyByNameOutOfMemoryConcatPath = provider + 3401
	// GetKeyByNameOutOfMemoryConcatHeader is code 3402: there was no memory to build a header of the request for the
	// key.
	GetKeyByNameOutOfMemoryConcatHeader = provider + 3402
	// GetKeyByNameNoResponse is code 3403: the vault's answer about the key is empty.
	GetKeyByNameNoResponse = provider + 3403
	// GetKeyByNameJSONParser is code 3404: the vault's answer about the key is not JSON.
	GetKeyByNameJSONParser = provider + 3404
	// GetKeyByNameExtractKeyNode is code 3405: the vault's answer has no key in it: the member "key" is missing.
	GetKeyByNameExtractKeyNode = provider + 3405
	// GetKeyByNameExtractKeyID is code 3406: the key in the vault's answer has no identifier (member "kid"), or one
	// that belongs to another host.
	GetKeyByNameExtractKeyID = provider + 3406
	// GetKeyByNameExtractKeyType is code 3407: the key in the vault's answer has no type (member "kty"), or one that
	// the connector does not know.
	GetKeyByNameExtractKeyType = provider + 3407
	// GetKeyByNameExtractKeyN is code 3408: the key in the vault's answer has no modulus (member "n").
	GetKeyByNameExtractKeyN = provider + 3408
	// GetKeyByNameBase64DecodeN is code 3409: the modulus in the vault's answer is not base64url, or not of a size
	// that is served (2048, 3072 or 4096 bits).
	GetKeyByNameBase64DecodeN = provider + 3409
	// GetKeyByNameExtractKeyE is code 3410: the key in the vault's answer has no public exponent (member "e").
	GetKeyByNameExtractKeyE = provider + 3410
	// GetKeyByNameBase64DecodeE is code 3411: the public exponent in the vault's answer is not base64url, or not a
	// usable exponent.
	GetKeyByNameBase64DecodeE = provider + 3411
	// GetKeyByNameExtractKeyURI is code 3412: no key URI with a version could be made of the vault's answer, so the
	// key cannot be pinned.
	GetKeyByNameExtractKeyURI = provider + 3412
	// BackupKeyOutOfMemoryConvertResponseString is code 3500: there was no memory to convert the vault's answer to a
	// key backup.
	BackupKeyOutOfMemoryConvertResponseString = provider + 3500
	// BackupKeyOutOfMemoryConcatPath is code 3501: there was no memory to build the path of the backup request.
	BackupKeyOutOfMemoryConcatPath = provider + 3501
	// BackupKeyOutOfMemoryConcatHeader is code 3502: there was no memory to build a header of the backup request.
	BackupKeyOutOfMemoryConcatHeader = provider + 3502
	// BackupKeyNoResponse is code 3503: the vault's answer to a key backup is empty.
	BackupKeyNoResponse = provider + 3503
	// BackupKeyJSONParser is code 3504: the vault's answer to a key backup is not JSON.
	BackupKeyJSONParser = provider + 3504
	// BackupKeyExtractValue is code 3505: the vault's answer to a key backup holds no backup (member "value").
	BackupKeyExtractValue = provider + 3505
	// BackupKeyBase64DecodeValue is code 3506: the backup in the vault's answer is not base64url.
	BackupKeyBase64DecodeValue = provider + 3506
	// WrapKeyOutOfMemoryConvertResponseString is code 3600: there was no memory to convert the vault's answer to a
	// wrap.
	WrapKeyOutOfMemoryConvertResponseString = provider + 3600
	// WrapKeyOutOfMemoryConcatPath is code 3601: there was no memory to build the path of the wrap request.
	WrapKeyOutOfMemoryConcatPath = provider + 3601
	// WrapKeyOutOfMemoryConcatHeader is code 3602: there was no memory to build a header of the wrap request.
	WrapKeyOutOfMemoryConcatHeader = provider + 3602
	// WrapKeyOutOfMemoryConcatBody is code 3603: there was no memory to build the body of the wrap request.
	WrapKeyOutOfMemoryConcatBody = provider + 3603
	// WrapKeyOutOfMemoryConvertEncodedBody is code 3604: there was no memory to convert the encoded body of the wrap
	// request.
	WrapKeyOutOfMemoryConvertEncodedBody = provider + 3604
	// WrapKeyBase64EncodeKey is code 3605: the secret to be wrapped cannot be put into a request: it is empty, or too
	// long for the key's size and padding.
	WrapKeyBase64EncodeKey = provider + 3605
	// WrapKeyBase64DecodeValue is code 3606: the wrapped secret in the vault's answer is not base64url, or not as
	// long as the key's modulus.
	WrapKeyBase64DecodeValue = provider + 3606
	// WrapKeyJSONParser is code 3607: the vault's answer to a wrap is not JSON.
	WrapKeyJSONParser = provider + 3607
	// WrapKeyExtractValue is code 3608: the vault's answer to a wrap holds no wrapped secret (member "value").
	WrapKeyExtractValue = provider + 3608
	// WrapKeyNoResponse is code 3609: the vault's answer to a wrap is empty.
	WrapKeyNoResponse = provider + 3609
	// UnwrapKeyOutOfMemoryConvertResponseString is code 3700: there was no memory to convert the vault's answer to a
	// unwrap.
	UnwrapKeyOutOfMemoryConvertResponseString = provider + 3700
	// UnwrapKeyOutOfMemoryConcatPath is code 3701: there was no memory to build the path of the unwrap request.
	UnwrapKeyOutOfMemoryConcatPath = provider + 3701
	// UnwrapKeyOutOfMemoryConcatHeader is code 3702: there was no memory to build a header of the unwrap request.
	UnwrapKeyOutOfMemoryConcatHeader = provider + 3702
	// UnwrapKeyOutOfMemoryConcatBody is code 3703: there was no memory to build the body of the unwrap request.
	UnwrapKeyOutOfMemoryConcatBody = provider + 3703
	// UnwrapKeyOutOfMemoryConvertEncodedBody is code 3704: there was no memory to convert the encoded body of the
	// unwrap request.
	UnwrapKeyOutOfMemoryConvertEncodedBody = provider + 3704
	// UnwrapKeyBase64EncodeKey is code 3705: the wrapped secret cannot be put into a request: it is empty, or not as
	// long as the key's modulus.
	UnwrapKeyBase64EncodeKey = provider + 3705
	// UnwrapKeyBase64DecodeValue is code 3706: the unwrapped secret in the vault's answer is not base64url, or is
	// empty.
	UnwrapKeyBase64DecodeValue = provider + 3706
	// UnwrapKeyJSONParser is code 3707: the vault's answer to an unwrap is not JSON.
	UnwrapKeyJSONParser = provider + 3707
	// UnwrapKeyExtractValue is code 3708: the vault's answer to an unwrap holds no secret (member "value").
	UnwrapKeyExtractValue = provider + 3708
	// UnwrapKeyNoResponse is code 3709: the vault's answer to an unwrap is empty.
	UnwrapKeyNoResponse = provider + 3709
	// AKVDoesNotExist is code 3900: the vault's host name does not resolve.
	AKVDoesNotExist = provider + 3900
	// CreateKeyVaultRetryManagerOutOfMemory is code 4000: there was no memory for the part that repeats calls.
	CreateKeyVaultRetryManagerOutOfMemory = provider + 4000
)
