package keyspec

import (
	"slices"
	"strings"

	"latchkey/akv"
	"latchkey/keywrap"
)

// Host is what a vault takes, and under which API version it was asked.
type Host struct {
	HSM     bool // a Managed HSM
	Premium bool // a vault that has HSM keys
	Level   akv.Level
}

// kind reads a kty for a new key: the type as it will be stored.
func (h Host) kind(kty string) (string, keywrap.Kind, *akv.Error) {
	base, isHSM := strings.CutSuffix(kty, "-HSM")
	switch base {
	case akv.KtyRSA, akv.KtyEC:
	case akv.KtyOct:
		if !h.HSM {
			return "", "", badType(kty)
		}
	case "":
		return "", "", BadParameter("The property 'kty' is missing.")
	default:
		return "", "", badType(kty)
	}
	switch {
	case h.HSM:
		return base + "-HSM", keywrap.Kind(base), nil
	case isHSM && !h.Premium:
		e := BadParameter("Invalid kty value: %s. Keys of this type need a vault of the premium SKU.", kty)
		e.Inner = akv.InnerKeyTypeNotSupported
		return "", "", e
	}
	return kty, keywrap.Kind(base), nil
}

// Spec reads what a create request wants generated, and the type to store.
func (h Host) Spec(r *akv.CreateKey) (kty string, spec keywrap.Spec, err *akv.Error) {
	kty, kind, err := h.kind(r.Kty)
	if err != nil {
		return "", spec, err
	}
	spec.Kind = kind
	size := 0
	if r.KeySize != nil {
		size = *r.KeySize
	}
	if r.PublicExponent != nil && kind != keywrap.RSA {
		return "", spec, InvalidProperty("public_exponent is for RSA keys only.")
	}
	if r.Crv != "" && kind != keywrap.EC {
		return "", spec, InvalidProperty("crv is for EC keys only.")
	}
	switch kind {
	case keywrap.RSA:
		if size != 0 && size != 2048 && size != 3072 && size != 4096 {
			return "", spec, BadParameter("Unsupported key size: %d. RSA keys have 2048, 3072 or 4096 bits.", size)
		}
		spec.Bits = size
		if r.PublicExponent != nil {
			e := *r.PublicExponent
			if e < 3 || e&1 == 0 || e > 1<<31-1 {
				return "", spec, InvalidProperty("public_exponent %d is not an odd number from 3 to 2147483647.", e)
			}
			spec.PublicExponent = e
		}
	case keywrap.EC:
		spec.Curve = keywrap.Curve(r.Crv)
		switch spec.Curve {
		case "":
			spec.Curve = curveOfSize(size)
		case keywrap.P256, keywrap.P384, keywrap.P521, keywrap.P256K:
		default:
			return "", spec, InvalidProperty("crv %q is not one of P-256, P-384, P-521, P-256K.", clip(r.Crv))
		}
		if spec.Curve == "" || size != 0 && size != curveSize(spec.Curve) {
			return "", spec, BadParameter("Unsupported key size: %d for an EC key.", size)
		}
	case keywrap.Oct:
		switch {
		case size == 0 || size == 128 || size == 192 || size == 256:
		case (size == 384 || size == 512) && h.Level >= akv.V76:
		default:
			return "", spec, BadParameter("Unsupported key size: %d. oct keys have 128, 192 or 256 bits.", size)
		}
		spec.Bits = size
	}
	return kty, spec, nil
}

func curveOfSize(bits int) keywrap.Curve {
	switch bits {
	case 0, 256:
		return keywrap.P256
	case 384:
		return keywrap.P384
	case 521:
		return keywrap.P521
	}
	return ""
}

func curveSize(c keywrap.Curve) int {
	switch c {
	case keywrap.P384:
		return 384
	case keywrap.P521:
		return 521
	}
	return 256
}

// ops reads key_ops for a type; nil gives the default.
func ops(kty string, kind keywrap.Kind, given []string, exportable bool) ([]string, *akv.Error) {
	allowed := []string{akv.OpEncrypt, akv.OpDecrypt, akv.OpSign, akv.OpVerify, akv.OpWrapKey, akv.OpUnwrapKey}
	def := allowed
	switch kind {
	case keywrap.EC:
		allowed = []string{akv.OpSign, akv.OpVerify}
		def = allowed
	case keywrap.Oct:
		def = []string{akv.OpEncrypt, akv.OpDecrypt, akv.OpWrapKey, akv.OpUnwrapKey}
	}
	if given == nil {
		return slices.Clone(def), nil
	}
	out := make([]string, 0, len(given))
	for _, op := range given {
		switch {
		case slices.Contains(out, op):
			continue
		case slices.Contains(allowed, op):
		case op == akv.OpImport:
			if len(given) != 1 {
				return nil, InvalidProperty("key_ops: import cannot be combined with other operations.")
			}
			if kty != akv.KtyRSAHSM {
				return nil, InvalidProperty("key_ops: import is for RSA-HSM keys only.")
			}
		case op == akv.OpExport && exportable:
		default:
			return nil, InvalidProperty("key_ops: %q is not an operation of %s keys.", clip(op), kty)
		}
		out = append(out, op)
	}
	return out, nil
}
