package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
)

// MaxPath is the longest path of a provider's library, in UTF-16 units.
const MaxPath = 256

const providerKind = "cryptographic provider"

// The interface version that libraries must implement.
var supportedAPI = ekm.Version{Major: 1, Minor: 1}

// CreateProvider is CREATE CRYPTOGRAPHIC PROVIDER. Needs CONTROL SERVER.
type CreateProvider struct {
	Name string
	Path string

	lib *catalog.Library
}

func (o *CreateProvider) check(tx *catalog.Tx) error {
	if !tx.Perm.Server("CONTROL SERVER") {
		return catalog.Denied()
	}
	if err := tx.EKMEnabled(); err != nil {
		return err
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if err := checkPath(o.Path); err != nil {
		return err
	}
	if tx.State.FindProvider(o.Name) != nil {
		return msg.New(15530, providerKind, o.Name)
	}
	return nil
}

func checkPath(path string) error {
	if len(utf16.Encode([]rune(path))) > MaxPath {
		return msg.New(33023, "file path", 2*MaxPath)
	}
	if path == "" {
		return msg.New(33027, path)
	}
	return nil
}

// Prepare loads the library.
func (o *CreateProvider) Prepare(ctx context.Context, tx *catalog.Tx) (err error) {
	if err := o.check(tx); err != nil {
		return err
	}
	o.lib, err = load(ctx, tx, o.Path)
	return err
}

// load loads a library and checks what it says of itself.
func load(ctx context.Context, tx *catalog.Tx, path string) (*catalog.Library, error) {
	lib, err := tx.Providers().Load(ctx, path)
	var m *msg.Error
	var missing interface{ Missing() int } // a library without a function, by its place in the interface
	switch {
	case err == nil:
	case errors.As(err, &m):
		return nil, m
	case code.Of(err).Space() == code.Provider:
		return nil, msg.Provider(33029, err).At(2)
	case errors.As(err, &missing):
		return nil, msg.List{msg.New(33085, path).At(missing.Missing()), msg.New(33027, path).Because(err)}
	default:
		return nil, msg.New(33027, path).Because(err)
	}
	i := lib.Info
	switch {
	case i.API.Major != supportedAPI.Major || i.API.Minor != supportedAPI.Minor:
		return nil, msg.New(33032, int(i.API.Major), int(i.API.Minor), int(supportedAPI.Major), int(supportedAPI.Minor))
	case i.Name == "" || len(utf16.Encode([]rune(i.Name))) > 1024:
		return nil, msg.New(33025, "friendly name")
	case i.ThumbprintLen < 1 || i.ThumbprintLen > ekm.MaxThumbprintLen:
		return nil, msg.New(33025, "thumbprint length")
	case i.GUID == [16]byte{}:
		return nil, msg.New(33025, "guid")
	}
	return &lib, nil
}

// Apply carries the operation out.
func (o *CreateProvider) Apply(tx *catalog.Tx) error {
	if err := o.check(tx); err != nil || o.lib == nil {
		return err
	}
	if tx.State.ProviderByGUID(o.lib.Info.GUID) != nil {
		return msg.New(33026, FormatGUID(o.lib.Info.GUID))
	}
	p := &model.Provider{ID: tx.State.Providers.Next(0, 65536), Name: o.Name, Path: o.Path, Enabled: true}
	describe(p, o.lib)
	tx.State.Providers.Put(0, p.ID, p)
	return nil
}

func describe(p *model.Provider, lib *catalog.Library) {
	i := lib.Info
	p.GUID, p.Version, p.API = i.GUID, version(i.Version), version(i.API)
	p.Friendly, p.Auth, p.Symmetric, p.Asymmetric = i.Name, int32(i.Auth), uint32(i.Symmetric), uint32(i.Asymmetric)
	p.NamesAccepted, p.Algorithms = i.AcceptsKeyName, nil
	for _, a := range lib.Algorithms {
		p.Algorithms = append(p.Algorithms, model.Algorithm{ID: uint32(a.ID), Tag: a.Tag, Bits: a.Bits, Asymmetric: a.Asymmetric})
	}
}

// version is aa.bb.cccc.dd.
func version(v ekm.Version) string {
	return fmt.Sprintf("%d.%02d.%04d.%02d", v.Major, v.Minor, v.Build, v.Revision)
}

// FormatGUID writes a GUID in RFC 4122 byte order as SQL Server prints it: capitals, with hyphens.
func FormatGUID(g [16]byte) string {
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:]))
}

// AlterProvider is ALTER CRYPTOGRAPHIC PROVIDER: a new file, a state, or both. A new file must be of the same provider (message
// 33024); it is enabled again afterwards, as the documented upgrade expects. Disabling informs with message 33057.
type AlterProvider struct {
	Name  string
	Path  string // "" to keep it
	State string // ENABLE, DISABLE or ""

	lib *catalog.Library
}

func (o *AlterProvider) check(tx *catalog.Tx) (*model.Provider, error) {
	p := tx.State.FindProvider(o.Name)
	if p == nil || !tx.Perm.Server("CONTROL SERVER") {
		return nil, catalog.Missing("alter", providerKind, o.Name)
	}
	if o.Path == "" {
		return p, nil
	}
	if err := tx.EKMEnabled(); err != nil {
		return nil, err
	}
	return p, checkPath(o.Path)
}

// Prepare loads the library.
func (o *AlterProvider) Prepare(ctx context.Context, tx *catalog.Tx) error {
	_, err := o.check(tx)
	if err != nil || o.Path == "" {
		return err
	}
	o.lib, err = load(ctx, tx, o.Path)
	return err
}

// Apply carries the operation out.
func (o *AlterProvider) Apply(tx *catalog.Tx) error {
	p, err := o.check(tx)
	if err != nil {
		return err
	}
	if o.lib != nil && o.lib.Info.GUID != p.GUID {
		return msg.New(33024, "guid", FormatGUID(o.lib.Info.GUID), p.ID)
	}
	p = tx.State.Providers.Edit(0, p.ID)
	if o.lib != nil {
		describe(p, o.lib)
		p.Path, p.Enabled = o.Path, true
	}
	switch o.State {
	case "ENABLE":
		if err := tx.EKMEnabled(); err != nil {
			return err
		}
		p.Enabled = true
	case "DISABLE":
		p.Enabled = false
		tx.Note(msg.New(33057))
	}
	return nil
}

// DropProvider is DROP CRYPTOGRAPHIC PROVIDER: message 33044 while a credential is for it. Keys of the provider stay. With open
// sessions it informs with message 33058.
type DropProvider struct{ Name string }

// Apply carries the operation out.
func (o *DropProvider) Apply(tx *catalog.Tx) error {
	p := tx.State.FindProvider(o.Name)
	if p == nil || !tx.Perm.Server("CONTROL SERVER") {
		return catalog.Missing("drop", providerKind, o.Name)
	}
	if _, c := tx.State.Credentials.Find(0, func(c *model.Credential) bool { return c.Provider == p.ID }); c != nil {
		return msg.New(33044, providerKind, kind)
	}
	tx.State.Providers.Delete(0, p.ID)
	if tx.Runtime().ProviderSessions(p.ID) > 0 {
		tx.Note(msg.New(33058))
	}
	return nil
}
