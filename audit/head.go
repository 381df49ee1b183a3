package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

// Head is the end of a chain: give it to somebody who cannot be reached from the log's machine, and [Verify] with it finds
// that the log was put back to an earlier state.
type Head struct {
	Seq  uint64 // of the last record; 0 in an empty log
	Hash Hash   // of the last line
}

// mark is a place in the log up to which everything is durable.
type mark struct {
	Head
	file  uint64 // number of the file
	start int64  // offset of the last line
	end   int64  // offset after it
}

const headName = "head"

type wireHead struct {
	Version int    `json:"latchkey-audit-head"`
	Alg     string `json:"alg"`
	KeyID   string `json:"kid,omitempty"`
	File    uint64 `json:"file"`
	Start   int64  `json:"start"`
	End     int64  `json:"end"`
	Seq     uint64 `json:"seq"`
	Last    string `json:"last"`
}

// errNoHead means that there is no head file.
var errNoHead = errors.New("the head file is missing")

func writeHead(f fsys.FS, dir string, h *hasher, m mark) error {
	b, err := json.Marshal(wireHead{
		Version: formatVersion, Alg: h.alg, KeyID: h.kid,
		File: m.file, Start: m.start, End: m.end, Seq: m.Seq, Last: m.Hash.String(),
	})
	if err != nil {
		return err
	}
	b, _ = h.finish(b[:len(b)-1], domainHead, 0)
	return fsys.WriteFile(f, filepath.Join(dir, headName), b, 0o600)
}

// readHead reads and checks the head file: errNoHead if there is none, a coded error if it is unusable.
func readHead(f fsys.FS, dir string, h *hasher) (mark, error) {
	const op = "reading the audit head"
	name := filepath.Join(dir, headName)
	b, err := fsys.ReadFile(f, name, 4096)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mark{}, errNoHead
	case errors.Is(err, fsys.ErrTooLarge):
		return mark{}, code.Wrap(code.AuditDamaged, op, name, err)
	case err != nil:
		return mark{}, code.Wrap(code.AuditUnavailable, op, name, err)
	}
	w, m, err := parseHead(b)
	if err != nil {
		return mark{}, code.Wrap(code.AuditDamaged, op, name, err)
	}
	if c, err := checkFormat(w.Version, w.Alg, w.KeyID, h); err != nil {
		return mark{}, code.Wrap(c, op, name, err)
	}
	body, sum, _ := split(bytes.TrimSuffix(b, []byte("\n")))
	if h.sum(domainHead, body) != sum {
		return mark{}, code.Wrap(code.AuditDamaged, op, name, errors.New("its hash does not fit its content"))
	}
	return m, nil
}

func parseHead(b []byte) (wireHead, mark, error) {
	body, _, err := split(bytes.TrimSuffix(b, []byte("\n")))
	if err != nil {
		return wireHead{}, mark{}, err
	}
	var w wireHead
	if err := json.Unmarshal(object(body), &w); err != nil {
		return wireHead{}, mark{}, err
	}
	m := mark{file: w.File, start: w.Start, end: w.End, Head: Head{Seq: w.Seq}}
	if !parseHash(&m.Hash, []byte(w.Last)) || w.File == 0 || w.Start < 0 || w.End <= w.Start || w.End-w.Start > maxLine {
		return wireHead{}, mark{}, errors.New("a field is out of range")
	}
	return w, m, nil
}

// checkFormat decides whether h can check what a header or head describes: 0 and nil, or what is in the way.
func checkFormat(version int, alg, kid string, h *hasher) (code.Code, error) {
	switch {
	case version > formatVersion:
		return code.AuditVersion, fmt.Errorf("format version %d, this program knows up to %d", version, formatVersion)
	case version < 1:
		return code.AuditDamaged, fmt.Errorf("format version %d", version)
	case alg != algPlain && alg != algKeyed:
		return code.AuditDamaged, fmt.Errorf("unknown algorithm %q", alg)
	case alg == algKeyed && h.alg == algPlain:
		return code.AuditKey, errors.New("the log has a key, and none was given")
	case alg == algPlain && h.alg == algKeyed:
		return code.AuditKey, errors.New("the log was written without a key")
	case kid != h.kid:
		return code.AuditKey, fmt.Errorf("the log names key %q, this one is %q", kid, h.kid)
	}
	return 0, nil
}
