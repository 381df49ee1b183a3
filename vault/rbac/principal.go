package rbac

// Principal is a caller whose token was validated. Its zero value is nobody and is denied everything.
type Principal struct {
	TenantID string   // GUID, lower case
	ObjectID string   // GUID of the service principal, user or managed identity
	AppID    string   // GUID of the application
	Groups   []string // object ids of groups in the token
	Issuer   string   // the token's iss
	AppOnly  bool     // the application acts for itself, no user stands behind it (idtyp "app")
}

// valid reports whether the principal is somebody.
func (p *Principal) valid() bool { return p.TenantID != "" && p.ObjectID != "" }
