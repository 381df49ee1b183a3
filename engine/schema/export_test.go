package schema

// Decode reads the definition of an object of a kind.
func Decode(k Kind, def []byte) (Object, error) { return decode(k, def) }

// MaxKind is beyond all kinds.
const MaxKind = 32
