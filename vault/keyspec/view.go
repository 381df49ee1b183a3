package keyspec

import (
	"strings"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/keydb"
)

// View shapes replies: what a caller of an API version sees of a key in a vault.
type View struct {
	Base          string // "https://host[:port]" as the caller wrote it
	Level         akv.Level
	RetentionDays int
	PurgeProtect  bool
}

// KID is a key identifier at the caller's host; version "" for the key as such.
func (w View) KID(name, version string) string {
	var b strings.Builder
	b.Grow(len(w.Base) + len(name) + len(version) + 7)
	b.WriteString(w.Base)
	b.WriteString("/keys/")
	b.WriteString(name)
	if version != "" {
		b.WriteByte('/')
		b.WriteString(version)
	}
	return b.String()
}

// Bundle is a version as create, get, update and their kin answer it.
func (w View) Bundle(name string, v *keydb.Version) *akv.KeyBundle {
	ops := v.Ops
	if ops == nil {
		ops = []string{}
	}
	b := &akv.KeyBundle{
		Key: &akv.JWK{
			KID: w.KID(name, v.ID), Kty: v.Kty, KeyOps: ops,
			N: v.N, E: v.E, Crv: v.Crv, X: v.X, Y: v.Y,
		},
		Attributes: w.Attributes(v),
		Tags:       v.Tags,
		Managed:    v.Managed,
	}
	if v.Release != nil && w.Level >= akv.V73 {
		immutable := v.Release.Immutable
		b.ReleasePolicy = &akv.ReleasePolicy{ContentType: v.Release.ContentType, Data: v.Release.Data, Immutable: &immutable}
	}
	return b
}

// Attributes are a version's attributes as the API version carries them.
func (w View) Attributes(v *keydb.Version) *akv.Attributes {
	enabled, created, updated := v.Enabled, v.Created, v.Updated
	a := &akv.Attributes{
		Enabled: &enabled, NotBefore: v.NotBefore, Expires: v.Expires, Created: &created, Updated: &updated,
		RecoveryLevel: w.recoveryLevel(),
	}
	if w.Level >= akv.V71 {
		days := w.RetentionDays
		a.RecoverableDays = &days
	}
	if w.Level >= akv.V74 || v.Exportable && w.Level >= akv.V72 {
		exportable := v.Exportable
		a.Exportable = &exportable
	}
	if w.Level >= akv.V75 {
		a.HSMPlatform = "0" // software, also for the HSM types: there is no hardware behind them here
	}
	if w.Level >= akv.V202601 {
		bits := v.Bits
		a.KeySize = &bits
	}
	return a
}

func (w View) recoveryLevel() string {
	level := "Recoverable+Purgeable"
	if w.PurgeProtect {
		level = "Recoverable"
	}
	if w.RetentionDays < 90 {
		level = "Customized" + level
	}
	return level
}

// Item is a version in a list; version says whether its identifier names it.
func (w View) Item(name string, v *keydb.Version, version bool) akv.KeyItem {
	item := akv.KeyItem{Attributes: w.Attributes(v), Tags: v.Tags, Managed: v.Managed, KID: w.KID(name, "")}
	if version {
		item.KID = w.KID(name, v.ID)
	}
	return item
}

// Deletion is when a key was deleted and goes for good.
func (w View) Deletion(name string, d *keydb.Deletion) akv.Deletion {
	at, purge := d.At/1000, d.Purge
	return akv.Deletion{
		RecoveryID:  w.Base + "/deletedkeys/" + name,
		DeletedDate: &at, ScheduledPurgeDate: &purge,
	}
}

// AlgorithmLevel is the API version from which an algorithm can be named.
func AlgorithmLevel(alg string) akv.Level {
	switch keywrap.Algorithm(alg) {
	case keywrap.AESKeyWrap, keywrap.AESKeyWrapPad, keywrap.HS256, keywrap.HS384, keywrap.HS512:
		return akv.V76
	}
	if info, ok := keywrap.Lookup(keywrap.Algorithm(alg)); ok && info.Kind == keywrap.Oct {
		return akv.V72
	}
	return akv.V2016
}
