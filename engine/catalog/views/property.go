package views

import (
	"strings"

	"latchkey/engine/catalog/seed"
	"latchkey/engine/sqltype"
)

// Server is what SERVERPROPERTY tells of the server. Zero values show as NULL.
type Server struct {
	Name       string // machine, and server without an instance
	Instance   string // "" for the default instance
	Version    string // 16.0.4000.1
	Level      string // RTM
	Update     string // CU12
	Edition    string // Developer Edition (64-bit)
	Process    int
	DataPath   string
	LogPath    string
	BackupPath string
	ErrorLog   string
	SingleUser bool
}

// Property is SERVERPROPERTY(name), as the base value of a sql_variant; NULL for a name that is not known.
func Property(s Server, property string) sqltype.Value {
	text := func(v string) sqltype.Value {
		if v == "" {
			return sqltype.NullValue
		}
		return sqltype.NewText(sqltype.NVarChar, v)
	}
	number := func(n int) sqltype.Value { return sqltype.NewInt(sqltype.Int, int64(n)) }
	parts := append(strings.Split(s.Version, "."), "", "", "", "")
	switch strings.ToLower(strings.TrimSpace(property)) {
	case "buildclrversion":
		return text("v4.0.30319")
	case "collation":
		return text(seed.Collation)
	case "collationid":
		return number(872468488)
	case "comparisonstyle":
		return number(196609)
	case "computernamephysicalnetbios", "machinename":
		return text(s.Name)
	case "edition":
		return text(s.Edition)
	case "editionid":
		return sqltype.NewInt(sqltype.BigInt, -2117995310) // Developer
	case "engineedition":
		return number(3)
	case "filestreamconfiguredlevel", "filestreameffectivelevel", "hadrmanagerstatus", "isclustered", "isfulltextinstalled", "ishadrenabled",
		"isintegratedsecurityonly", "islocaldb", "ispolybaseinstalled", "isxtpsupported", "isadvancedanalyticsinstalled", "isbigdatacluster":
		return number(0)
	case "filestreamsharename":
		return sqltype.NullValue
	case "instancedefaultbackuppath":
		return text(s.BackupPath)
	case "instancedefaultdatapath":
		return text(s.DataPath)
	case "instancedefaultlogpath":
		return text(s.LogPath)
	case "instancename":
		return text(s.Instance)
	case "issingleuser":
		return number(map[bool]int{true: 1}[s.SingleUser])
	case "lcid":
		return number(1033)
	case "licensetype":
		return text("DISABLED")
	case "pathseparator":
		if strings.Contains(s.DataPath, `\`) {
			return text(`\`)
		}
		return text("/")
	case "processid":
		return number(s.Process)
	case "productbuild":
		return text(parts[2])
	case "productlevel":
		return text(s.Level)
	case "productmajorversion":
		return text(parts[0])
	case "productminorversion":
		return text(parts[1])
	case "productupdatelevel":
		return text(s.Update)
	case "productversion":
		return text(s.Version)
	case "resourceversion":
		if len(parts) >= 7 {
			return text("16.00." + parts[2])
		}
	case "servername":
		if s.Instance != "" {
			return text(s.Name + `\` + s.Instance)
		}
		return text(s.Name)
	case "sqlcharset":
		return sqltype.NewInt(sqltype.TinyInt, 1)
	case "sqlcharsetname":
		return text("iso_1")
	case "sqlsortorder":
		return sqltype.NewInt(sqltype.TinyInt, 52)
	case "sqlsortordername":
		return text("nocase_iso")
	case "errorlogfilename":
		return text(s.ErrorLog)
	}
	return sqltype.NullValue
}
