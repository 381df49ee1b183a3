package vault

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
)

// Page says which part of a list is wanted.
type Page struct {
	Max   int    // items, 1..25
	Token string // $skiptoken of a nextLink; "" for the first page
	Given bool   // the caller named Max: the nextLink repeats it
}

// pageToken is a list position: where to go on, by the name after which the page begins. It holds nothing that the caller
// may not see and is valid for ever: inserts and deletions elsewhere do not move it.
type pageToken struct {
	NextMarker     string `json:"NextMarker"` // base64url of "list!after"
	TargetLocation int    `json:"TargetLocation"`
}

const maxToken = 512

func encodeToken(list, after string) string {
	b, _ := json.Marshal(pageToken{NextMarker: base64.RawURLEncoding.EncodeToString([]byte(list + "!" + after))})
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeToken gives the position of a token of the same list.
func decodeToken(list, token string) (string, error) {
	bad := keyspec.BadParameter("The value of $skiptoken is not one of this list.")
	if token == "" {
		return "", nil
	}
	if len(token) > maxToken {
		return "", bad
	}
	raw, err := akv.DecodeBytes(token)
	if err != nil {
		return "", bad
	}
	var t pageToken
	if json.Unmarshal(raw, &t) != nil {
		return "", bad
	}
	marker, err := akv.DecodeBytes(t.NextMarker)
	if err != nil {
		return "", bad
	}
	kind, after, ok := strings.Cut(string(marker), "!")
	if !ok || kind != list || !akv.ValidKeyName(after) {
		return "", bad
	}
	return strings.ToLower(after), nil
}

func (tx *Tx) nextLink(path string, p Page, list, after string) *string {
	var b strings.Builder
	b.WriteString(tx.Call.Base)
	b.WriteString(path)
	b.WriteByte('?')
	if !tx.Vault.HSM { // a Managed HSM's links carry no version
		b.WriteString("api-version=" + url.QueryEscape(tx.Call.Version.Name) + "&")
	}
	b.WriteString("$skiptoken=" + encodeToken(list, after))
	if p.Given {
		b.WriteString("&maxresults=" + strconv.Itoa(p.Max))
	}
	s := b.String()
	return &s
}

// ListKeys lists the live keys by name.
func (tx *Tx) ListKeys(p Page) (*akv.KeyList, error) {
	if err := tx.Opened(door.OpKeyList); err != nil {
		return nil, err
	}
	return tx.listHeads(p, "keys", "/keys", false, func(h *keydb.Head) bool { return h.ReadyAt <= tx.Now.UnixMilli() })
}

// ListDeleted lists the deleted keys by name.
func (tx *Tx) ListDeleted(p Page) (*akv.KeyList, error) {
	if err := tx.Opened(door.OpKeyListDeleted); err != nil {
		return nil, err
	}
	return tx.listHeads(p, "deleted", "/deletedkeys", true, func(h *keydb.Head) bool {
		return h.Deleted.VisibleAt <= tx.Now.UnixMilli() && tx.Now.Unix() < h.Deleted.Purge
	})
}

// listHeads may give a page that is shorter than asked, or empty, with a nextLink: what does not show is left out.
func (tx *Tx) listHeads(p Page, list, path string, deleted bool, shown func(*keydb.Head) bool) (*akv.KeyList, error) {
	after, err := decodeToken(list, p.Token)
	if err != nil {
		return nil, err
	}
	if err := tx.Charge(false, 0); err != nil {
		return nil, err
	}
	heads, more, err := tx.s.db.Heads(tx.Ctx, tx.Vault.ID, deleted, after, p.Max)
	if err != nil {
		return nil, err
	}
	w := tx.view()
	out := &akv.KeyList{Value: make([]akv.KeyItem, 0, len(heads))}
	for _, h := range heads {
		if !shown(h.Val) {
			continue
		}
		v, err := tx.s.db.Version(tx.Ctx, tx.Vault.ID, h.Val.Key, h.Val.Current)
		if err != nil {
			return nil, err
		}
		if v.Val == nil { // purged between the two reads
			continue
		}
		item := w.Item(h.Val.Name, v.Val, false)
		if deleted {
			item.Deletion = w.Deletion(h.Val.Name, h.Val.Deleted)
		}
		out.Value = append(out.Value, item)
	}
	if more {
		out.NextLink = tx.nextLink(path, p, list, strings.ToLower(heads[len(heads)-1].Val.Name))
	}
	return out, nil
}

// ListVersions lists a key's versions; none for a key that does not exist.
func (tx *Tx) ListVersions(name string, p Page) (*akv.KeyList, error) {
	if err := tx.Opened(door.OpKeyListVersions); err != nil {
		return nil, err
	}
	list := "versions-" + strings.ToLower(name)
	after, err := decodeToken(list, p.Token)
	if err != nil {
		return nil, err
	}
	if err := tx.Charge(false, 0); err != nil {
		return nil, err
	}
	out := &akv.KeyList{Value: []akv.KeyItem{}}
	h, err := tx.live(name)
	if err != nil || h.Val == nil {
		return out, err
	}
	versions, more, err := tx.s.db.Versions(tx.Ctx, tx.Vault.ID, h.Val.Key, after, p.Max)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		out.Value = append(out.Value, tx.view().Item(h.Val.Name, v.Val, true))
	}
	if more {
		out.NextLink = tx.nextLink("/keys/"+h.Val.Name+"/versions", p, list, versions[len(versions)-1].Val.ID)
	}
	return out, nil
}
