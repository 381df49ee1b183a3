package code

// Codes of reading the vault's challenge, of getting a token, and of proving who asks with a secret or a certificate.
const (
	// GetAADValuesOutOfMemoryConcatPath is code 3200: there was no memory to build the path of the request that
	// fetches the vault's challenge.
	GetAADValuesOutOfMemoryConcatPath = provider + 3200
	// GetAADDomainURLStartPosition is code 3201: in the vault's challenge (WWW-Authenticate) the place where the
	// authority's URL begins was not found.
	GetAADDomainURLStartPosition = provider + 3201
	// GetAADDomainURLStopPosition is code 3202: in the vault's challenge the authority's URL begins but does not end:
	// a quote is missing.
	GetAADDomainURLStopPosition = provider + 3202
	// GetAADDomainURLMalformatted is code 3203: the vault's challenge has no usable authority: no URL, not https, or
	// no tenant in it.
	GetAADDomainURLMalformatted = provider + 3203
	// GetAADDomainURLOutOfMemoryAlloc is code 3204: there was no memory for the authority's URL.
	GetAADDomainURLOutOfMemoryAlloc = provider + 3204
	// GetAADTenantIDOutOfMemoryAlloc is code 3205: there was no memory for the tenant's id.
	GetAADTenantIDOutOfMemoryAlloc = provider + 3205
	// GetAKVResourceURLStartPosition is code 3206: in the vault's challenge the place where the resource begins was
	// not found, or the resource does not belong to the vault's host.
	GetAKVResourceURLStartPosition = provider + 3206
	// GetAKVResourceURLStopPosition is code 3207: in the vault's challenge the resource begins but does not end: a
	// quote is missing.
	GetAKVResourceURLStopPosition = provider + 3207
	// GetAKVResourceURLOutOfMemoryAlloc is code 3208: there was no memory for the resource's URL.
	GetAKVResourceURLOutOfMemoryAlloc = provider + 3208
	// GetTokenOutOfMemoryConcatPath is code 3300: there was no memory to build the path of the token request.
	GetTokenOutOfMemoryConcatPath = provider + 3300
	// GetTokenOutOfMemoryConcatBody is code 3301: there was no memory to build the body of the token request.
	GetTokenOutOfMemoryConcatBody = provider + 3301
	// GetTokenOutOfMemoryConvertResponseString is code 3302: there was no memory to convert the token endpoint's
	// answer.
	GetTokenOutOfMemoryConvertResponseString = provider + 3302
	// GetTokenBadCredentials is code 3303: the token endpoint refused the client id with this secret or certificate.
	GetTokenBadCredentials = provider + 3303
	// GetTokenFailedToGetToken is code 3304: the credentials seem right, and still the token endpoint gave no token.
	GetTokenFailedToGetToken = provider + 3304
	// GetTokenRejected is code 3305: a token was given, but the vault does not take it.
	GetTokenRejected = provider + 3305
	// GetTokenNotFound is code 3306: the token endpoint's answer holds no token.
	GetTokenNotFound = provider + 3306
	// GetTokenJSONParser is code 3307: the token endpoint's answer is not JSON.
	GetTokenJSONParser = provider + 3307
	// GetTokenExtractToken is code 3308: the token endpoint's answer has a token member that is not a usable string,
	// or no lifetime.
	GetTokenExtractToken = provider + 3308
	// SecretAuthParamsGetRequestBody is code 3800: no token request could be made of the credential's client id and
	// secret.
	SecretAuthParamsGetRequestBody = provider + 3800
	// JWTTokenCreateHeader is code 3801: the header of the signed statement that proves who asks (a JWT) could not be
	// made.
	JWTTokenCreateHeader = provider + 3801
	// JWTTokenCreatePayloadGUID is code 3802: no unique id could be made for the signed statement (JWT).
	JWTTokenCreatePayloadGUID = provider + 3802
	// JWTTokenCreatePayload is code 3803: the content of the signed statement (JWT) could not be made.
	JWTTokenCreatePayload = provider + 3803
	// JWTTokenCreateSignature is code 3804: the signed statement (JWT) has no signature: signing did not finish.
	JWTTokenCreateSignature = provider + 3804
	// JWTTokenSignatureHashAlg is code 3805: SHA-256 is not available for signing.
	JWTTokenSignatureHashAlg = provider + 3805
	// JWTTokenSignatureHash is code 3806: the hash of the statement to be signed could not be computed.
	JWTTokenSignatureHash = provider + 3806
	// JWTTokenSignatureSignHash is code 3807: the private key could not sign the hash.
	JWTTokenSignatureSignHash = provider + 3807
	// JWTTokenCreateToken is code 3808: the parts of the signed statement (JWT) could not be put together.
	JWTTokenCreateToken = provider + 3808
	// PFXCertAuthParamsImportPFX is code 3809: the PFX certificate could not be read.
	PFXCertAuthParamsImportPFX = provider + 3809
	// PFXCertAuthParamsGetThumbprint is code 3810: the PFX holds no certificate of which a thumbprint could be taken.
	PFXCertAuthParamsGetThumbprint = provider + 3810
	// PFXCertAuthParamsGetPrivateKey is code 3811: the PFX holds no private key.
	PFXCertAuthParamsGetPrivateKey = provider + 3811
	// PFXCertAuthParamsSignAlg is code 3812: the PFX's key is not of a kind that can sign here: RSA with SHA-256 is
	// needed.
	PFXCertAuthParamsSignAlg = provider + 3812
	// PFXCertAuthParamsImportForSign is code 3813: the PFX's private key cannot be used for signing.
	PFXCertAuthParamsImportForSign = provider + 3813
	// PFXCertAuthParamsCreateRequestBody is code 3814: no token request could be made with the PFX certificate.
	PFXCertAuthParamsCreateRequestBody = provider + 3814
	// PEMCertAuthParamsGetThumbprint is code 3815: the thumbprint of the PEM certificate could not be decoded.
	PEMCertAuthParamsGetThumbprint = provider + 3815
	// PEMCertAuthParamsGetPrivateKey is code 3816: the PEM text holds no RSA private key that could be read.
	PEMCertAuthParamsGetPrivateKey = provider + 3816
	// PEMCertAuthParamsSignAlg is code 3817: the PEM key is not of a kind that can sign here: RSA with SHA-256 is
	// needed.
	PEMCertAuthParamsSignAlg = provider + 3817
	// PEMCertAuthParamsImportForSign is code 3818: the PEM private key cannot be used for signing.
	PEMCertAuthParamsImportForSign = provider + 3818
	// PEMCertAuthParamsCreateRequestBody is code 3819: no token request could be made with the PEM certificate.
	PEMCertAuthParamsCreateRequestBody = provider + 3819
	// LegacyPrivateKeyAuthParamsSignAlg is code 3820: the private key of the legacy form is not of a kind that can
	// sign.
	LegacyPrivateKeyAuthParamsSignAlg = provider + 3820
	// LegacyPrivateKeyAuthParamsImportForSign is code 3821: the private key of the legacy form cannot be used for
	// signing.
	LegacyPrivateKeyAuthParamsImportForSign = provider + 3821
	// LegacyPrivateKeyAuthParamsCreateRequestBody is code 3822: no token request could be made with a private key of
	// the legacy form.
	LegacyPrivateKeyAuthParamsCreateRequestBody = provider + 3822
)
