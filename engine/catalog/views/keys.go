package views

import (
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"strings"

	"latchkey/ekm"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/sqltype"
)

func (c *ctx) providers() ([]row, error) {
	var out []row
	for _, p := range c.State.Providers.All(0) {
		out = append(out, row{
			"provider_id": p.ID, "name": p.Name, "guid": guid(p.GUID), "version": p.Version, "dll_path": p.Path, "is_enabled": p.Enabled,
		})
	}
	return out, nil
}

func (c *ctx) providerProperties() ([]row, error) {
	var out []row
	for _, p := range c.State.Providers.All(0) {
		auth := map[int32]string{int32(ekm.AuthBasic): "BASIC", int32(ekm.AuthOther): "OTHER"}[p.Auth]
		r := row{
			"provider_id": p.ID, "guid": guid(p.GUID), "provider_version": p.Version, "sqlcrypt_version": p.API, "friendly_name": p.Friendly,
			"authentication_type": auth,
		}
		support(r, "symmetric", ekm.Support(p.Symmetric))
		support(r, "asymmetric", ekm.Support(p.Asymmetric))
		out = append(out, r)
	}
	return out, nil
}

// support fills the four columns of one kind of keys; keys persist unless they are volatile.
func support(r row, kind string, s ekm.Support) {
	bit := func(b bool) int { return map[bool]int{true: 1}[b] }
	on := s&ekm.Supported != 0
	r[kind+"_key_support"] = bit(on)
	r[kind+"_key_export"] = bit(s&ekm.Exportable != 0)
	r[kind+"_key_import"] = bit(s&ekm.Importable != 0)
	r[kind+"_key_persistance"] = bit(on && s&ekm.Volatile == 0)
}

func (c *ctx) providerSessions() ([]row, error) {
	if c.Arg != 0 {
		if err := c.need("CONTROL SERVER"); err != nil {
			return nil, err
		}
	}
	var out []row
	for _, s := range c.Runtime.ProviderSessions() {
		if c.Arg == 0 && s.Session != c.Caller.Session {
			continue
		}
		out = append(out, row{"provider_id": s.Provider, "session_handle": s.Handle, "identity": s.Identity, "spid": s.Session})
	}
	return out, nil
}

func (c *ctx) providerAlgorithms() ([]row, error) {
	p := c.State.Providers.Get(c.Arg)
	if p == nil {
		return nil, nil
	}
	var out []row
	for _, a := range p.Algorithms {
		out = append(out, row{"algorithm_id": int(a.ID), "algorithm_tag": a.Tag, "key_type": keyType(a.Asymmetric), "key_length": a.Bits})
	}
	return out, nil
}

func keyType(asymmetric bool) string {
	if asymmetric {
		return "ASYMMETRIC KEY"
	}
	return "SYMMETRIC KEY"
}

func (c *ctx) providerKeys() ([]row, error) { return nil, nil }

// KeyRow is a row of sys.dm_cryptographic_provider_keys for the n-th key, counted from 1, that a session of the provider enumerates.
func KeyRow(s *model.State, provider, n int, k ekm.KeyInfo) ([]sqltype.Value, error) {
	asymmetric := true
	if p := s.Providers.Get(provider); p != nil {
		for _, a := range p.Algorithms {
			if a.ID == uint32(k.Algorithm) {
				asymmetric = a.Asymmetric
			}
		}
	}
	rows, err := table("sys.dm_cryptographic_provider_keys", []row{{
		"key_id": n, "key_name": k.Name, "key_thumbprint": []byte(k.Thumbprint), "algorithm_id": int(k.Algorithm), "algorithm_tag": int(k.Algorithm),
		"key_type": keyType(asymmetric), "key_length": k.Bits,
	}})
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

var protections = map[string]string{
	model.NoPrivateKey: "NO_PRIVATE_KEY", model.ByMasterKey: "ENCRYPTED_BY_MASTER_KEY", model.ByPassword: "ENCRYPTED_BY_PASSWORD",
	model.ByServiceMasterKey: "ENCRYPTED_BY_SERVICE_MASTER_KEY", model.ByProvider: "CRYPTOGRAPHIC PROVIDER",
}

var rsaCodes = map[string]string{"RSA_512": "1R", "RSA_1024": "2R", "RSA_2048": "3R", "RSA_3072": "4R", "RSA_4096": "5R"}

func (c *ctx) asymmetricKeys() ([]row, error) {
	var out []row
	for _, k := range c.State.AsymmetricKeys.All(c.Caller.Database) {
		if !c.perm.Any(perm.Securable{Class: perm.AsymmetricKey, ID: k.ID, Owner: k.Owner}) {
			continue
		}
		r := row{
			"name": k.Name, "principal_id": k.Owner, "asymmetric_key_id": k.ID, "pvt_key_encryption_type": k.Protection,
			"pvt_key_encryption_type_desc": protections[k.Protection], "thumbprint": k.Thumbprint, "algorithm_desc": k.Algorithm,
			"key_length": k.Bits, "public_key": k.Public,
		}
		if code := rsaCodes[k.Algorithm]; code != "" {
			r["algorithm"] = code
		}
		if k.FromProvider() {
			r["provider_type"], r["cryptographic_provider_guid"] = "CRYPTOGRAPHIC PROVIDER", guid(k.ProviderGUID)
			r["cryptographic_provider_algid"] = variant{int(k.AlgorithmID)}
		} else {
			r["sid"], r["string_sid"] = k.SID, SIDText(k.SID)
		}
		out = append(out, r)
	}
	return out, nil
}

// SIDText is the string form of a sid in Windows' binary form, "" for others.
func SIDText(sid []byte) string {
	if len(sid) < 8 || sid[0] != 1 || len(sid) != 8+4*int(sid[1]) {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "S-1-%d", binary.BigEndian.Uint64(append([]byte{0, 0}, sid[2:8]...)))
	for i := 8; i < len(sid); i += 4 {
		fmt.Fprintf(&s, "-%d", binary.LittleEndian.Uint32(sid[i:]))
	}
	return s.String()
}

var aesCodes = map[string]string{"AES_128": "A1", "AES_192": "A2", "AES_256": "A3"}

func (c *ctx) symmetricKeys() ([]row, error) {
	var out []row
	for _, k := range c.State.SymmetricKeys.All(c.Caller.Database) {
		if !c.seesSymmetric(k) {
			continue
		}
		r := row{
			"name": k.Name, "principal_id": k.Owner, "symmetric_key_id": k.ID, "key_length": k.Bits, "create_date": k.Created,
			"modify_date": k.Modified, "key_guid": guid(k.GUID),
		}
		if k.FromProvider() {
			r["key_algorithm"], r["provider_type"] = "NA", "CRYPTOGRAPHIC PROVIDER"
			r["key_thumbprint"], r["cryptographic_provider_guid"] = variant{k.Thumbprint}, guid(k.ProviderGUID)
			r["cryptographic_provider_algid"] = variant{int(k.AlgorithmID)}
		} else {
			r["key_algorithm"], r["algorithm_desc"] = aesCodes[k.Algorithm], k.Algorithm
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *ctx) seesSymmetric(k *model.SymmetricKey) bool {
	return c.perm.Any(perm.Securable{Class: perm.SymmetricKey, ID: k.ID, Owner: k.Owner})
}

var crypts = map[string]string{
	model.BySymmetricKey: "ENCRYPTION BY SYMMETRIC KEY", model.ByPasswordAES: "ENCRYPTION BY PASSWORD",
	model.ByCertificate: "ENCRYPTION BY CERTIFICATE", model.ByAsymmetricKey: "ENCRYPTION BY ASYMMETRIC KEY", model.ByServiceKey: "ENCRYPTION BY MASTER KEY",
}

func (c *ctx) keyEncryptions() ([]row, error) {
	var out []row
	for _, e := range c.State.KeyEncryptions.All(c.Caller.Database) {
		k := c.State.SymmetricKeys.In(c.Caller.Database, e.Key)
		if k == nil || !c.seesSymmetric(k) {
			continue
		}
		out = append(out, row{
			"key_id": e.Key, "thumbprint": e.Thumbprint, "crypt_type": e.Kind, "crypt_type_desc": crypts[e.Kind], "crypt_property": e.Property,
		})
	}
	return out, nil
}

func (c *ctx) openKeys() ([]row, error) {
	var out []row
	for _, o := range c.Runtime.OpenKeys() {
		d, k := c.State.Databases.Get(o.Database), c.State.SymmetricKeys.In(o.Database, o.Key)
		if d == nil || k == nil {
			continue
		}
		out = append(out, row{
			"database_id": d.ID, "database_name": d.Name, "key_id": k.ID, "key_name": k.Name, "key_guid": guid(k.GUID), "opened_date": o.Opened, "status": 1,
		})
	}
	return out, nil
}

func (c *ctx) certificates() ([]row, error) {
	var out []row
	for _, k := range c.State.Certificates.All(c.Caller.Database) {
		if !c.perm.Any(perm.Securable{Class: perm.Certificate, ID: k.ID, Owner: k.Owner}) {
			continue
		}
		r := row{
			"name": k.Name, "certificate_id": k.ID, "principal_id": k.Owner, "pvt_key_encryption_type": k.Protection,
			"pvt_key_encryption_type_desc": protections[k.Protection], "is_active_for_begin_dialog": k.Active, "sid": k.SID, "string_sid": SIDText(k.SID),
			"thumbprint": key.CertificateThumbprint(k), "pvt_key_last_backup_date": k.BackedUp,
		}
		if x, err := x509.ParseCertificate(k.DER); err == nil {
			r["issuer_name"], r["subject"] = x.Issuer.CommonName, x.Subject.CommonName
			r["cert_serial_number"] = spaced(x.SerialNumber.Bytes())
			r["start_date"], r["expiry_date"] = x.NotBefore, x.NotAfter
			if pub, ok := x.PublicKey.(interface{ Size() int }); ok {
				r["key_length"] = 8 * pub.Size()
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// spaced is a serial number as SQL Server writes it: bytes in hex with blanks between.
func spaced(b []byte) string { return fmt.Sprintf("% x", b) }
