package keyfunc

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/views"
	"latchkey/engine/sqltype"
)

func text(s string) sqltype.Value {
	if s == "" {
		return sqltype.NullValue
	}
	return sqltype.NewText(sqltype.NVarChar, s)
}

func sid(b []byte) sqltype.Value {
	if len(b) == 0 {
		return sqltype.NullValue
	}
	return sqltype.NewBytes(sqltype.VarBinary, string(b))
}

// AsymKeyProperty is ASYMKEYPROPERTY(id, name), the base value of a sql_variant: algorithm_desc, string_sid, sid.
func (f *Functions) AsymKeyProperty(id int, name string) sqltype.Value {
	l := f.look()
	k := l.state.AsymmetricKeys.In(l.db(), id)
	if k == nil || !l.perm.Any(keySecurable(k)) {
		return sqltype.NullValue
	}
	switch strings.ToLower(name) {
	case "algorithm_desc":
		return text(k.Algorithm)
	case "string_sid":
		return text(views.SIDText(k.SID))
	case "sid":
		return sid(k.SID)
	}
	return sqltype.NullValue
}

// SymKeyProperty is SYMKEYPROPERTY(id, name): algorithm_desc; sids are NULL, as symmetric keys have none.
func (f *Functions) SymKeyProperty(id int, name string) sqltype.Value {
	l := f.look()
	k := l.state.SymmetricKeys.In(l.db(), id)
	if k == nil || !l.perm.Any(perm.Securable{Class: perm.SymmetricKey, ID: k.ID, Owner: k.Owner}) {
		return sqltype.NullValue
	}
	if strings.EqualFold(name, "algorithm_desc") && !k.FromProvider() {
		return text(k.Algorithm)
	}
	return sqltype.NullValue
}

// CertProperty is CERTPROPERTY(id, name): expiry_date, start_date, issuer_name, cert_serial_number, subject, sid, string_sid.
func (f *Functions) CertProperty(id int, name string) sqltype.Value {
	l := f.look()
	c := l.state.Certificates.In(l.db(), id)
	if c == nil || !l.perm.Any(certSecurable(c)) {
		return sqltype.NullValue
	}
	x, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return sqltype.NullValue
	}
	switch strings.ToLower(name) {
	case "expiry_date":
		return datetime(x.NotAfter)
	case "start_date":
		return datetime(x.NotBefore)
	case "issuer_name":
		return text(x.Issuer.CommonName)
	case "subject":
		return text(x.Subject.CommonName)
	case "cert_serial_number":
		return text(fmt.Sprintf("% x", x.SerialNumber.Bytes()))
	case "sid":
		return sid(c.SID)
	case "string_sid":
		return text(views.SIDText(c.SID))
	}
	return sqltype.NullValue
}

// datetime is a time of a certificate, in whole seconds.
func datetime(t time.Time) sqltype.Value {
	t = t.UTC()
	days, _ := sqltype.DaysFromDate(t.Year(), int(t.Month()), t.Day())
	seconds := int64(t.Hour()*3600 + t.Minute()*60 + t.Second())
	return sqltype.NewDateTime(days, 300*seconds)
}
