package env

import (
	"strings"

	"latchkey/engine/sqltype"
)

// Server is what SERVERPROPERTY tells of.
type Server struct {
	Name    string
	Version string // 16.0.1000.6
	Process int
	// Data and Backup are directories, shown where SQL Server shows its own; "" for none.
	Data, Backup string
}

// Property answers SERVERPROPERTY: NULL for a name that is not known.
func (s Server) Property(name string) sqltype.Value {
	parts := strings.Split(s.Version, ".")
	part := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return "0"
	}
	orNull := func(s string) sqltype.Value {
		if s == "" {
			return sqltype.NullValue
		}
		return text(s)
	}
	switch strings.ToUpper(name) {
	case "BUILDCLRVERSION":
		return text("v4.0.30319")
	case "COLLATION":
		return text("SQL_Latin1_General_CP1_CI_AS")
	case "COLLATIONID":
		return number(872468488)
	case "COMPARISONSTYLE":
		return number(196609)
	case "COMPUTERNAMEPHYSICALNETBIOS", "MACHINENAME", "SERVERNAME":
		return text(s.Name)
	case "EDITION":
		return text("Developer Edition (64-bit)")
	case "EDITIONID":
		return sqltype.NewInt(sqltype.BigInt, -2117995310)
	case "ENGINEEDITION":
		return number(3)
	case "INSTANCEDEFAULTDATAPATH", "INSTANCEDEFAULTLOGPATH":
		return orNull(s.Data)
	case "INSTANCEDEFAULTBACKUPPATH":
		return orNull(s.Backup)
	case "INSTANCENAME", "ERRORLOGFILENAME", "PRODUCTUPDATELEVEL", "PRODUCTUPDATEREFERENCE", "PRODUCTBUILDTYPE", "NUMLICENSES", "FILESTREAMSHARENAME":
		return sqltype.NullValue
	case "HADRMANAGERSTATUS":
		return number(2)
	case "FILESTREAMCONFIGUREDLEVEL", "FILESTREAMEFFECTIVELEVEL", "ISADVANCEDANALYTICSINSTALLED", "ISBIGDATACLUSTER", "ISCLUSTERED",
		"ISEXTERNALAUTHENTICATIONONLY", "ISEXTERNALGOVERNANCEENABLED", "ISFULLTEXTINSTALLED", "ISHADRENABLED", "ISLOCALDB", "ISPOLYBASEINSTALLED",
		"ISSERVERSUSPENDEDFORSNAPSHOTBACKUP", "ISSINGLEUSER", "ISTEMPDBMETADATAMEMORYOPTIMIZED", "ISXTPSUPPORTED", "ISINTEGRATEDSECURITYONLY",
		"SUSPENDEDDATABASECOUNT":
		return number(0)
	case "LCID":
		return number(1033)
	case "LICENSETYPE":
		return text("DISABLED")
	case "PATHSEPARATOR":
		return text("/")
	case "PROCESSID":
		return number(s.Process)
	case "PRODUCTBUILD":
		return text(part(2))
	case "PRODUCTLEVEL":
		return text("RTM")
	case "PRODUCTMAJORVERSION":
		return text(part(0))
	case "PRODUCTMINORVERSION":
		return text(part(1))
	case "PRODUCTVERSION", "RESOURCEVERSION":
		return text(s.Version)
	case "SQLCHARSET":
		return sqltype.NewInt(sqltype.TinyInt, 1)
	case "SQLCHARSETNAME":
		return text("iso_1")
	case "SQLSORTORDER":
		return sqltype.NewInt(sqltype.TinyInt, 52)
	case "SQLSORTORDERNAME":
		return text("nocase_iso")
	}
	return sqltype.NullValue
}
