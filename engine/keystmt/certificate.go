package keystmt

import (
	"errors"
	"time"

	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/secret"
)

// date reads START_DATE and EXPIRY_DATE: a date as the server reads texts, in UTC.
func date(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	v, err := convert.Convert(sqltype.NewText(sqltype.NVarChar, s), sqltype.Sized(sqltype.NVarChar, len(s)), sqltype.Of(sqltype.DateTime), convert.Options{})
	if err != nil {
		return time.Time{}, err
	}
	t := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, v.Days())
	return t.Add(time.Duration(v.Ticks()) * 100), nil
}

var errNoFiles = errors.New("this server keeps no files of certificates")

func (r *run) read(name string) ([]byte, error) {
	err := errNoFiles
	var b []byte
	if r.cfg.Files != nil {
		b, err = r.cfg.Files.Read(name)
	}
	if err != nil {
		return nil, msg.New(15208).Because(err)
	}
	return b, nil
}

func (r *run) createCertificate(s *ast.CreateCertificate) error {
	if s.Format != "" {
		return raise.Unsupported("CREATE CERTIFICATE WITH FORMAT")
	}
	op := &key.CreateCertificate{
		Name: s.Name, Owner: s.Owner, Subject: s.Subject, Encrypt: copyOf(s.Password), Open: r.openMaster(), Inactive: inactive(s.Options),
	}
	fill := func() (err error) {
		if op.Start, err = date(s.StartDate); err != nil {
			return err
		}
		if op.Expiry, err = date(s.ExpiryDate); err != nil {
			return err
		}
		switch s.Source {
		case "":
			return nil
		case "FILE":
			op.DER, err = r.read(s.SourceArg)
		case "BINARY":
			ok := false
			if op.DER, ok = hexBytes(s.SourceArg); !ok || len(op.DER) == 0 {
				err = msg.New(15297)
			}
		default:
			return raise.Unsupported("CREATE CERTIFICATE FROM " + s.Source)
		}
		if err != nil || s.PrivateKey == nil {
			return err
		}
		return r.privateKey(op, s.PrivateKey)
	}
	if err := fill(); err != nil {
		op.Finish()
		return err
	}
	_, err := r.do(op)
	return err
}

func inactive(opts []*ast.Option) bool {
	o := ast.FindOption(opts, "ACTIVE FOR BEGIN_DIALOG")
	return o != nil && !o.On()
}

// privateKey reads WITH PRIVATE KEY of a certificate that is there already.
func (r *run) privateKey(op *key.CreateCertificate, k *ast.PrivateKey) error {
	op.Decrypt = copyOf(k.Decrypt)
	if k.Encrypt != nil {
		op.Encrypt = copyOf(k.Encrypt)
	}
	switch {
	case k.File != nil:
		name, err := r.text(k.File)
		if err != nil {
			return err
		}
		b, err := r.read(name)
		if err != nil {
			return err
		}
		op.PrivateKey = secret.Take(b)
	case k.Binary != "":
		b, ok := hexBytes(k.Binary)
		if !ok {
			return msg.New(15297)
		}
		op.PrivateKey = secret.Take(b)
	default:
		return msg.New(15208)
	}
	return nil
}

func (r *run) alterCertificate(s *ast.AlterCertificate) error {
	k := s.PrivateKey
	switch {
	case s.AttestedBy != nil:
		return raise.Unsupported("ALTER CERTIFICATE ATTESTED BY")
	case s.Options != nil:
		return raise.Unsupported("ALTER CERTIFICATE ACTIVE FOR BEGIN_DIALOG")
	case k != nil && (k.File != nil || k.Binary != ""):
		return raise.Unsupported("ALTER CERTIFICATE WITH PRIVATE KEY of a file")
	}
	op := &key.AlterCertificate{Name: s.Name, Remove: s.RemovePrivateKey, Open: r.openMaster()}
	if k != nil {
		op.Decrypt, op.Encrypt = copyOf(k.Decrypt), copyOf(k.Encrypt)
	}
	_, err := r.do(op)
	return err
}

func (r *run) backupCertificate(s *ast.BackupCertificate) error {
	if s.Format != "" {
		return raise.Unsupported("BACKUP CERTIFICATE WITH FORMAT")
	}
	name, err := r.text(s.File)
	if err != nil {
		return err
	}
	op := &key.BackupCertificate{Name: s.Name, Open: r.openMaster()}
	keyName := ""
	if k := s.PrivateKey; k != nil {
		if keyName, err = r.text(k.File); err != nil {
			return err
		}
		if keyName == "" || k.Algorithm != nil || k.Binary != "" {
			return raise.Unsupported("BACKUP CERTIFICATE WITH PRIVATE KEY without a file")
		}
		op.Private, op.Encrypt, op.Decrypt = true, copyOf(k.Encrypt), copyOf(k.Decrypt)
	}
	op.Write = func(der, sealed []byte) error {
		if err := r.write(name, der); err != nil {
			return err
		}
		if sealed == nil {
			return nil
		}
		if err := r.write(keyName, sealed); err != nil {
			r.cfg.Files.Remove(name)
			return err
		}
		return nil
	}
	_, err = r.do(op)
	return err
}

func (r *run) write(name string, content []byte) error {
	err := errNoFiles
	if r.cfg.Files != nil {
		err = r.cfg.Files.Write(name, content)
	}
	if err != nil {
		return msg.New(15240, name).Because(err)
	}
	return nil
}
