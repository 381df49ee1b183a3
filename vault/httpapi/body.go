package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"latchkey/akv"
	"latchkey/internal/secret"
	"latchkey/vault"
	"latchkey/vault/keyspec"
)

// query is a raw query string. Names are compared decoded: clients write "api%2Dversion".
type query string

// get finds the first value of a name.
func (q query) get(name string) (string, bool) {
	rest := string(q)
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		k, v, _ := strings.Cut(pair, "=")
		if unescape(&k) && strings.EqualFold(k, name) && unescape(&v) {
			return v, true
		}
	}
	return "", false
}

func unescape(s *string) bool {
	if !strings.ContainsAny(*s, "%+") {
		return true
	}
	out, err := url.QueryUnescape(*s)
	*s = out
	return err == nil
}

// list reads the paging parameters and gives a page.
func (rq *request) list(_ *vault.Tx, f func(vault.Page) (*akv.KeyList, error)) (any, error) {
	p := vault.Page{Max: akv.MaxPage}
	if s, ok := rq.query.get("maxresults"); ok {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > akv.MaxPage {
			return nil, keyspec.BadParameter("The value of maxresults is not a number from 1 to %d.", akv.MaxPage)
		}
		p.Max, p.Given = n, true
	}
	p.Token, _ = rq.query.get("$skiptoken")
	l, err := f(p)
	if err != nil {
		return nil, err
	}
	if rq.call.HSM && l.NextLink == nil {
		return hsmList{l.Value}, nil
	}
	return l, nil
}

// hsmList is a last page of a Managed HSM, which leaves nextLink out.
type hsmList struct {
	Value []akv.KeyItem `json:"value"`
}

// filter reads "$filter=field eq 'value'"; other filters are refused, since ignoring one would answer too much.
func (rq *request) filter(field string) (string, error) {
	s, ok := rq.query.get("$filter")
	if !ok || strings.TrimSpace(s) == "" {
		return "", nil
	}
	bad := keyspec.BadParameter("The $filter is not understood: only %s eq '...' is.", field)
	parts := strings.SplitN(strings.TrimSpace(s), " ", 3)
	if len(parts) != 3 || parts[1] != "eq" || !strings.EqualFold(strings.TrimSuffix(parts[0], "()"), field) {
		if strings.EqualFold(strings.TrimSpace(s), "atScope()") {
			return "", nil
		}
		return "", bad
	}
	value := parts[2]
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return "", bad
	}
	return strings.ReplaceAll(value[1:len(value)-1], "''", "'"), nil
}

func tooLarge(limit int64) error {
	return &akv.Error{
		Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLarge",
		Message: "The request body is larger than the " + strconv.FormatInt(limit, 10) + " bytes that this operation takes.",
	}
}

// decode reads the body into v: JSON, bounded, one value, no unknown members.
func (rq *request) decode(v any) error {
	r, limit := rq.r, rq.route.MaxBody
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	if ct := r.Header.Get("Content-Type"); ct != "" && !strings.HasPrefix(ct, "application/json") {
		if t, _, err := mime.ParseMediaType(ct); err != nil || t != "application/json" {
			return &akv.Error{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: "The request body must be application/json."}
		}
	}
	buf, err := readBody(r, limit)
	defer secret.Wipe(buf[:cap(buf)])
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(buf)) == 0 {
		return keyspec.BadParameter("The request body is missing.")
	}
	return unmarshal(buf, v)
}

// readBody reads at most limit bytes. A known length is read into one slice of that size.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if n := r.ContentLength; n >= 0 {
		buf := make([]byte, n)
		if _, err := io.ReadFull(r.Body, buf); err != nil {
			return buf, keyspec.BadParameter("The request body ended before its Content-Length.")
		}
		return buf, nil
	}
	buf, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return buf, keyspec.BadParameter("The request body could not be read.")
	}
	if int64(len(buf)) > limit {
		return buf, tooLarge(limit)
	}
	return buf, nil
}

// unmarshal decodes one JSON value strictly. Its errors name members, never values.
func unmarshal(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields() // a member that is not understood may be one that matters
	if err := dec.Decode(v); err != nil {
		return decodeError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return keyspec.BadParameter("The request body has something after its JSON value.")
	}
	return nil
}

func decodeError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var b64 base64.CorruptInputError
	switch {
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return keyspec.BadParameter("The request body is not valid JSON.")
	case errors.As(err, &kind):
		return keyspec.InvalidProperty("%.64s has the wrong type.", kind.Field)
	case errors.As(err, &b64):
		return keyspec.InvalidProperty("a binary member is not base64url.")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return keyspec.InvalidProperty("unknown member %.64s.", name)
	}
	return keyspec.InvalidProperty("a member has a value of the wrong form.")
}
