package keyspec

import (
	"maps"
	"unicode/utf8"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/keydb"
)

// Wish is what a create or import request says beside the key itself.
type Wish struct {
	KeyOps     []string
	Attributes *akv.Attributes
	Tags       map[string]string
	Release    *akv.ReleasePolicy
}

// NewVersion makes the public record of a version of type kty from a request. The caller fills in id, key and times.
func (h Host) NewVersion(kty string, kind keywrap.Kind, w Wish) (*keydb.Version, *akv.Error) {
	v := &keydb.Version{Kty: kty, Enabled: true}
	if a := w.Attributes; a != nil {
		if err := h.gateAttributes(a); err != nil {
			return nil, err
		}
		if a.Exportable != nil {
			v.Exportable = *a.Exportable
		}
	}
	if err := setAttributes(v, w.Attributes); err != nil {
		return nil, err
	}
	var err *akv.Error
	if v.Ops, err = ops(kty, kind, w.KeyOps, v.Exportable); err != nil {
		return nil, err
	}
	if err := setTags(v, w.Tags); err != nil {
		return nil, err
	}
	if w.Release != nil {
		if v.Release, err = h.releasePolicy(w.Release); err != nil {
			return nil, err
		}
	}
	switch {
	case v.Exportable && v.Release == nil:
		return nil, BadParameter("AKV.SKR.1004: Exportable keys must have a release policy.")
	case !v.Exportable && v.Release != nil:
		return nil, BadParameter("AKV.SKR.1005: Non-exportable keys must not have a release policy.")
	case v.Exportable && !v.HSM():
		return nil, InvalidProperty("exportable: only keys of an HSM type can be exportable.")
	}
	return v, nil
}

func (h Host) gateAttributes(a *akv.Attributes) *akv.Error {
	if a.Exportable != nil && h.Level < akv.V72 {
		return InvalidProperty("attributes.exportable needs api-version 7.2 or later.")
	}
	return nil
}

func (h Host) releasePolicy(p *akv.ReleasePolicy) (*keydb.ReleasePolicy, *akv.Error) {
	if h.Level < akv.V73 {
		return nil, InvalidProperty("release_policy needs api-version 7.3 or later.")
	}
	const maxPolicy = 16 << 10
	if len(p.Data) == 0 || len(p.Data) > maxPolicy {
		return nil, InvalidProperty("release_policy.data has %d bytes, want 1 to %d.", len(p.Data), maxPolicy)
	}
	out := &keydb.ReleasePolicy{ContentType: p.ContentType, Data: p.Data}
	if out.ContentType == "" {
		out.ContentType = "application/json; charset=utf-8"
	}
	if len(out.ContentType) > 128 {
		return nil, InvalidProperty("release_policy.contentType is too long.")
	}
	out.Immutable = p.Immutable != nil && *p.Immutable
	return out, nil
}

// setAttributes applies what is writable; absent members stay.
func setAttributes(v *keydb.Version, a *akv.Attributes) *akv.Error {
	if a == nil {
		return nil
	}
	if a.Enabled != nil {
		v.Enabled = *a.Enabled
	}
	for _, f := range []struct {
		name string
		from *int64
		to   **int64
	}{{"nbf", a.NotBefore, &v.NotBefore}, {"exp", a.Expires, &v.Expires}} {
		if f.from == nil {
			continue
		}
		if *f.from < 0 || *f.from > maxUnix {
			return InvalidProperty("attributes.%s %d is not a time in Unix seconds.", f.name, *f.from)
		}
		t := *f.from
		*f.to = &t
	}
	if v.NotBefore != nil && v.Expires != nil && *v.Expires <= *v.NotBefore {
		return InvalidProperty("attributes.exp must be later than attributes.nbf.")
	}
	return nil
}

// maxUnix is the end of the year 9999.
const maxUnix = 253402300799

func setTags(v *keydb.Version, tags map[string]string) *akv.Error {
	if tags == nil {
		return nil
	}
	if len(tags) > akv.MaxTags {
		return InvalidProperty("tags: %d given, at most %d are allowed.", len(tags), akv.MaxTags)
	}
	for name, value := range tags {
		if n := utf8.RuneCountInString(name); n < 1 || n > akv.MaxTagName {
			return InvalidProperty("tags: a name has %d characters, want 1 to %d.", n, akv.MaxTagName)
		}
		if n := utf8.RuneCountInString(value); n > akv.MaxTagValue {
			return InvalidProperty("tags: the value of %q has %d characters, at most %d are allowed.", clip(name), n, akv.MaxTagValue)
		}
	}
	v.Tags = maps.Clone(tags)
	return nil
}

// Update applies a PATCH to a copy of v. The caller sets Updated.
func (h Host) Update(v *keydb.Version, r *akv.UpdateKey) (*keydb.Version, *akv.Error) {
	next := *v
	if a := r.Attributes; a != nil {
		if err := h.gateAttributes(a); err != nil {
			return nil, err
		}
		if a.Exportable != nil && *a.Exportable != v.Exportable {
			return nil, InvalidProperty("attributes.exportable cannot be changed.")
		}
	}
	if err := setAttributes(&next, r.Attributes); err != nil {
		return nil, err
	}
	if r.KeyOps != nil {
		var err *akv.Error
		if next.Ops, err = ops(v.Kty, v.Kind(), r.KeyOps, v.Exportable); err != nil {
			return nil, err
		}
	}
	if err := setTags(&next, r.Tags); err != nil {
		return nil, err
	}
	if r.ReleasePolicy != nil {
		policy, err := h.releasePolicy(r.ReleasePolicy)
		if err != nil {
			return nil, err
		}
		switch {
		case !v.Exportable:
			return nil, BadParameter("AKV.SKR.1005: Non-exportable keys must not have a release policy.")
		case v.Release != nil && v.Release.Immutable && !samePolicy(v.Release, policy):
			return nil, BadParameter("AKV.SKR.1020: Immutable release policy cannot be modified.")
		}
		next.Release = policy
	}
	return &next, nil
}

func samePolicy(a, b *keydb.ReleasePolicy) bool {
	return string(a.Data) == string(b.Data) && a.ContentType == b.ContentType && a.Immutable == b.Immutable
}
