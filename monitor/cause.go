package monitor

// Cause is why a key cannot be used. Its text for people is Title.
type Cause uint8

// The causes. Their numbers are stored.
const (
	Granted            Cause = iota
	NoAnswer                 // the key store cannot be reached, or answers with a fault of its own
	NoIdentity               // no credential, or one that the token authority refuses
	KeyNotFound              // the key is not there
	KeyUnusable              // the key is there, but disabled, expired, not yet valid or of another kind
	MissingPermissions       // the identity may not use it
)

// Refusal reports whether the cause is an answer that says no.
func (c Cause) Refusal() bool { return c >= NoIdentity }

// titles are the messages of "Common errors for transparent data encryption with customer-managed keys in Azure Key Vault", by which people search.
var titles = map[Cause]struct {
	status int
	name   string
	text   string
}{
	NoAnswer:           {503, "AzureKeyVaultConnectionFailed", "The operation could not be completed on the server because attempts to connect to Azure Key Vault have failed."},
	NoIdentity:         {401, "AzureKeyVaultNoServerIdentity", "The server identity is not correctly configured on server. Please contact support."},
	KeyNotFound:        {404, "ServerKeyNotFound", "The requested server key was not found on the current subscription."},
	KeyUnusable:        {409, "ServerKeyDoesNotExists", "The server key does not exist."},
	MissingPermissions: {401, "AzureKeyVaultMissingPermissions", "The server is missing required permissions on the Azure Key Vault."},
}

// Name is the cause's name in the activity log, "AzureKeyVaultMissingPermissions"; "" for Granted.
func (c Cause) Name() string { return titles[c].name }

// HTTPStatus is the number that stands before the name.
func (c Cause) HTTPStatus() int { return titles[c].status }

// Text is the documented message.
func (c Cause) Text() string { return titles[c].text }
