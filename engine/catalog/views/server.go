package views

import (
	"slices"

	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
)

func (c *ctx) credentials() ([]row, error) {
	var out []row
	for _, x := range c.State.Credentials.All(0) {
		if !c.perm.Server("VIEW ANY DEFINITION") && !c.perm.Server("ALTER ANY CREDENTIAL") && !c.perm.OnLogin(perm.Credential, x.ID, "VIEW DEFINITION") {
			continue
		}
		r := row{
			"credential_id": x.ID, "name": x.Name, "credential_identity": x.Identity, "create_date": x.Created, "modify_date": x.Modified, "target_id": 0,
		}
		if x.Provider != 0 {
			r["target_type"], r["target_id"] = "CRYPTOGRAPHIC PROVIDER", x.Provider
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *ctx) principalCredentials() ([]row, error) {
	var out []row
	for _, l := range c.State.Logins.All(0) {
		if !c.seesLogin(l) {
			continue
		}
		for _, id := range append([]int{l.Credential}, l.Credentials...) {
			if id != 0 {
				out = append(out, row{"principal_id": l.ID, "credential_id": id})
			}
		}
	}
	return out, nil
}

var loginKinds = map[string]string{
	model.SQLLogin: "SQL_LOGIN", model.WindowsLogin: "WINDOWS_LOGIN", model.ServerRole: "SERVER_ROLE",
	model.CertificateLogin: "CERTIFICATE_MAPPED_LOGIN", model.KeyLogin: "ASYMMETRIC_KEY_MAPPED_LOGIN",
}

// seesLogin: fixed ones and oneself are public, the others for who holds a permission on them.
func (c *ctx) seesLogin(l *model.Login) bool {
	return l.Fixed || l.ID == model.SA || l.ID == c.perm.Login() || c.perm.OnLogin(perm.Login, l.ID, "VIEW DEFINITION")
}

func (c *ctx) login(l *model.Login) row {
	r := row{
		"name": l.Name, "principal_id": l.ID, "sid": l.SID, "type": l.Kind, "type_desc": loginKinds[l.Kind], "is_disabled": l.Disabled,
		"create_date": l.Created, "modify_date": l.Modified,
	}
	if l.DefaultDatabase != "" {
		r["default_database_name"], r["default_language_name"] = l.DefaultDatabase, l.DefaultLanguage
	}
	if l.Credential != 0 {
		r["credential_id"] = l.Credential
	}
	return r
}

func (c *ctx) serverPrincipals() ([]row, error) {
	var out []row
	for _, l := range c.State.Logins.All(0) {
		if !c.seesLogin(l) {
			continue
		}
		r := c.login(l)
		r["is_fixed_role"] = l.Fixed && l.ID != model.PublicRole
		if l.IsRole() {
			r["owning_principal_id"] = l.Owner
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *ctx) sqlLogins() ([]row, error) {
	var out []row
	for _, l := range c.State.Logins.All(0) {
		if l.Kind != model.SQLLogin || !c.seesLogin(l) {
			continue
		}
		r := c.login(l)
		r["is_policy_checked"], r["is_expiration_checked"] = l.PolicyChecked, l.ExpirationChecked
		if c.perm.Server("CONTROL SERVER") {
			r["password_hash"] = l.Hash
		}
		out = append(out, r)
	}
	return out, nil
}

var stateDescs = map[string]string{"G": "GRANT", "W": "GRANT_WITH_GRANT_OPTION", "D": "DENY", "R": "REVOKE"}

func permissionRow(p *model.Permission) row {
	info, _ := perm.Lookup(perm.Class(p.Class), p.Name)
	return row{
		"class": p.Class, "class_desc": perm.Class(p.Class).Desc(), "major_id": p.Major, "minor_id": p.Minor, "grantee_principal_id": p.Grantee,
		"grantor_principal_id": p.Grantor, "type": info.Code, "permission_name": p.Name, "state": p.State, "state_desc": stateDescs[p.State],
	}
}

func (c *ctx) serverPermissions() ([]row, error) {
	var out []row
	for _, p := range c.State.Permissions.All(0) {
		if g := c.State.Logins.Get(p.Grantee); g == nil || !c.seesLogin(g) {
			continue
		}
		out = append(out, permissionRow(p))
	}
	return out, nil
}

func (c *ctx) serverRoleMembers() ([]row, error) {
	var out []row
	for _, m := range c.State.Members.All(0) {
		if l := c.State.Logins.Get(m.Member); l == nil || !c.seesLogin(l) {
			continue
		}
		out = append(out, row{"role_principal_id": m.Role, "member_principal_id": m.Member})
	}
	return out, nil
}

func (c *ctx) seesPrincipal(p *model.Principal) bool {
	id, in := c.perm.User()
	return p.Fixed || p.ID < model.FirstUserID || in && p.ID == id || c.perm.InRole(p.ID) || c.perm.Any(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner})
}

func (c *ctx) databasePermissions() ([]row, error) {
	var out []row
	for _, p := range c.State.Permissions.All(c.Caller.Database) {
		if g := c.State.Principals.In(c.Caller.Database, p.Grantee); g == nil || !c.seesPrincipal(g) {
			continue
		}
		out = append(out, permissionRow(p))
	}
	return out, nil
}

var userKinds = map[string]string{
	model.SQLLogin: "SQL_USER", model.WindowsLogin: "WINDOWS_USER", model.DatabaseRole: "DATABASE_ROLE", model.ApplicationRole: "APPLICATION_ROLE",
	model.CertificateLogin: "CERTIFICATE_MAPPED_USER", model.KeyLogin: "ASYMMETRIC_KEY_MAPPED_USER",
}

func (c *ctx) databasePrincipals() ([]row, error) {
	var out []row
	for _, p := range c.State.Principals.All(c.Caller.Database) {
		if !c.seesPrincipal(p) {
			continue
		}
		r := row{
			"name": p.Name, "principal_id": p.ID, "type": p.Kind, "type_desc": userKinds[p.Kind], "create_date": p.Created, "modify_date": p.Modified,
			"is_fixed_role": p.Fixed, "authentication_type": 0, "authentication_type_desc": "NONE", "allow_encrypted_value_modifications": 0,
		}
		if p.SID != nil {
			r["sid"] = p.SID
			if p.Kind == model.SQLLogin && p.ID != model.Guest {
				r["authentication_type"], r["authentication_type_desc"] = 1, "INSTANCE"
			}
		}
		if p.DefaultSchema != "" {
			r["default_schema_name"] = p.DefaultSchema
		}
		if p.IsRole() {
			r["owning_principal_id"] = p.Owner
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *ctx) databaseRoleMembers() ([]row, error) {
	var out []row
	for _, m := range c.State.Members.All(c.Caller.Database) {
		if p := c.State.Principals.In(c.Caller.Database, m.Member); p == nil || !c.seesPrincipal(p) {
			continue
		}
		out = append(out, row{"role_principal_id": m.Role, "member_principal_id": m.Member})
	}
	return out, nil
}

func (c *ctx) schemas() ([]row, error) {
	var out []row
	for _, s := range c.State.Schemas.All(c.Caller.Database) {
		out = append(out, row{"name": s.Name, "schema_id": s.ID, "principal_id": s.Owner})
	}
	return out, nil
}

func (c *ctx) configurations() ([]row, error) {
	var out []row
	for _, o := range database.ConfigOptions() {
		v, inUse := database.Config(c.State, o)
		out = append(out, row{
			"configuration_id": o.ID, "name": o.Name, "value": variant{v}, "minimum": variant{o.Min}, "maximum": variant{o.Max}, "value_in_use": variant{inUse},
			"description": o.Description, "is_dynamic": o.Dynamic, "is_advanced": o.Advanced,
		})
	}
	return out, nil
}

func (c *ctx) messages() ([]row, error) {
	var out []row
	for _, m := range msg.All() {
		out = append(out, row{
			"message_id": m.Code.Number(), "language_id": 1033, "severity": m.Severity, "is_event_logged": m.Log, "text": m.Text,
		})
	}
	return out, nil
}

// ConfigRow is a row of sp_configure's result: name nvarchar(35), then minimum, maximum, config_value and run_value, int.
type ConfigRow struct {
	Name                 string
	Min, Max, Value, Run int
}

// ConfigRows is what sp_configure shows: all options that are shown, by name, or with a name the one that it means (messages 15123
// and 15124).
func ConfigRows(s *model.State, name string) ([]ConfigRow, error) {
	options := database.ConfigShown(s)
	if name != "" {
		o, err := database.FindOption(s, name)
		if err != nil {
			return nil, err
		}
		options = slices.DeleteFunc(options, func(x database.ConfigOption) bool { return x.ID != o.ID })
	}
	out := make([]ConfigRow, len(options))
	for i, o := range options {
		v, run := database.Config(s, o)
		out[i] = ConfigRow{Name: o.Name, Min: o.Min, Max: o.Max, Value: v, Run: run}
	}
	return out, nil
}
