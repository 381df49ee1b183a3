package wire

// Feature is one entry of a feature list: a request in a login, or an acknowledgement.
type Feature struct {
	ID   uint8
	Data []byte
}

// The bounds of a feature list. A login has at most MaxFeature bytes.
const (
	MaxFeature  = 128<<10 - 1
	maxFeatures = 64
	featureEnd  = 0xFF
)

// DecodeFeatures reads a list up to its end.
func DecodeFeatures(r *Reader) []Feature {
	var fs []Feature
	for {
		id := r.U8()
		if r.Err != nil || id == featureEnd {
			return fs
		}
		if len(fs) == maxFeatures {
			r.Fail("more than %d features", maxFeatures)
			return nil
		}
		n := r.U32()
		if n > MaxFeature {
			r.Fail("feature %d of %d bytes", id, n)
			return nil
		}
		fs = append(fs, Feature{ID: id, Data: r.Bytes(int(n))})
	}
}

// AppendFeatures appends a list with its end.
func AppendFeatures(dst []byte, fs []Feature) []byte {
	for _, f := range fs {
		dst = append(U32(append(dst, f.ID), len(f.Data)), f.Data...)
	}
	return append(dst, featureEnd)
}
