package perm

import (
	"slices"
	"strings"
)

// Class is a class of securables, as sys.server_permissions.class and sys.database_permissions.class number them.
type Class int

// The classes.
const (
	Database      Class = 0
	Object        Class = 1
	Schema        Class = 3
	Principal     Class = 4 // user or role of a database
	SymmetricKey  Class = 24
	Certificate   Class = 25
	AsymmetricKey Class = 26
	Server        Class = 100
	Login         Class = 101 // login or server role
	// Credential is a class that catalogue views of a real server do not have; its number is ours.
	Credential Class = 119
)

// classes are the names of classes: in class_desc, and before "::" in GRANT.
var classes = []struct {
	class       Class
	desc, words string
}{
	{Database, "DATABASE", "DATABASE"},
	{Object, "OBJECT_OR_COLUMN", "OBJECT"},
	{Schema, "SCHEMA", "SCHEMA"},
	{Principal, "DATABASE_PRINCIPAL", "USER"},
	{Principal, "DATABASE_PRINCIPAL", "ROLE"},
	{Principal, "DATABASE_PRINCIPAL", "APPLICATION ROLE"},
	{SymmetricKey, "SYMMETRIC_KEYS", "SYMMETRIC KEY"},
	{Certificate, "CERTIFICATE", "CERTIFICATE"},
	{AsymmetricKey, "ASYMMETRIC_KEY", "ASYMMETRIC KEY"},
	{Server, "SERVER", "SERVER"},
	{Login, "SERVER_PRINCIPAL", "LOGIN"},
	{Login, "SERVER_PRINCIPAL", "SERVER ROLE"},
	{Credential, "CREDENTIAL", "CREDENTIAL"},
}

// Desc is class_desc.
func (c Class) Desc() string {
	for _, x := range classes {
		if x.class == c {
			return x.desc
		}
	}
	return ""
}

// OfServer reports classes whose permissions are rows of the server.
func (c Class) OfServer() bool { return c >= Server }

// ClassByName finds a class by the words before "::", in upper case.
func ClassByName(words string) (Class, bool) {
	for _, x := range classes {
		if x.words == words {
			return x.class, true
		}
	}
	return 0, false
}

// Info describes one permission on one class.
type Info struct {
	Name  string
	Code  string // type, four characters at most
	Class Class
	// By lists the permissions of the same class that cover it directly; CONTROL covers all that have none.
	By []string
	// Parent is what covers it on the parent: the server for a database, the database for what is in it.
	Parent string
}

// lines is the table in short: "code name [< covering] [^ of the parent]". What has no "<" is covered by the class's CONTROL.
var lines = map[Class]string{
	Server: `CL CONTROL SERVER
ADBO ADMINISTER BULK OPERATIONS
ALAA ALTER ANY SERVER AUDIT
ALCD ALTER ANY CREDENTIAL
ALCO ALTER ANY CONNECTION
ALDB ALTER ANY DATABASE
ALES ALTER ANY EVENT NOTIFICATION
ALHE ALTER ANY ENDPOINT
ALLG ALTER ANY LOGIN
ALLS ALTER ANY LINKED SERVER
ALRS ALTER RESOURCES
ALSR ALTER ANY SERVER ROLE
ALSS ALTER SERVER STATE
ALST ALTER SETTINGS
ALTR ALTER TRACE
AUTH AUTHENTICATE SERVER
CADB CONNECT ANY DATABASE
COSQ CONNECT SQL
CRDB CREATE ANY DATABASE < ALTER ANY DATABASE
CRLG CREATE LOGIN < ALTER ANY LOGIN
CRSR CREATE SERVER ROLE < ALTER ANY SERVER ROLE
IAL IMPERSONATE ANY LOGIN
SHDN SHUTDOWN
SUS SELECT ALL USER SECURABLES
VAEL VIEW ANY ERROR LOG < VIEW SERVER SECURITY STATE
VSPS VIEW SERVER PERFORMANCE STATE < VIEW SERVER STATE
VSSS VIEW SERVER SECURITY STATE < VIEW SERVER STATE
VWAD VIEW ANY DEFINITION
VWDB VIEW ANY DATABASE < VIEW ANY DEFINITION, ALTER ANY DATABASE
VWSS VIEW SERVER STATE < ALTER SERVER STATE
XA EXTERNAL ACCESS ASSEMBLY < UNSAFE ASSEMBLY
XU UNSAFE ASSEMBLY`,
	Login: `CL CONTROL ^ CONTROL SERVER
AL ALTER ^ ALTER ANY LOGIN
IM IMPERSONATE ^ IMPERSONATE ANY LOGIN
TO TAKE OWNERSHIP ^ CONTROL SERVER
VW VIEW DEFINITION < CONTROL, ALTER ^ VIEW ANY DEFINITION`,
	Credential: `CL CONTROL ^ CONTROL SERVER
AL ALTER ^ ALTER ANY CREDENTIAL
RF REFERENCES ^ ALTER ANY CREDENTIAL
VW VIEW DEFINITION < CONTROL, ALTER ^ VIEW ANY DEFINITION`,
	Database: `CL CONTROL ^ CONTROL SERVER
AL ALTER ^ ALTER ANY DATABASE
ALAK ALTER ANY ASYMMETRIC KEY < ALTER
ALAR ALTER ANY APPLICATION ROLE < ALTER
ALAS ALTER ANY ASSEMBLY < ALTER
ALCF ALTER ANY CERTIFICATE < ALTER
ALRL ALTER ANY ROLE < ALTER
ALSK ALTER ANY SYMMETRIC KEY < ALTER
ALSM ALTER ANY SCHEMA < ALTER
ALTG ALTER ANY DATABASE DDL TRIGGER < ALTER
ALUS ALTER ANY USER < ALTER
AUTH AUTHENTICATE ^ AUTHENTICATE SERVER
BADB BACKUP DATABASE
BALO BACKUP LOG
CO CONNECT ^ CONNECT ANY DATABASE
CORP CONNECT REPLICATION
CP CHECKPOINT
CRAK CREATE ASYMMETRIC KEY < ALTER ANY ASYMMETRIC KEY
CRCF CREATE CERTIFICATE < ALTER ANY CERTIFICATE
CRDB CREATE DATABASE ^ CREATE ANY DATABASE
CRDF CREATE DEFAULT < ALTER
CRFN CREATE FUNCTION < ALTER
CRPR CREATE PROCEDURE < ALTER
CRRL CREATE ROLE < ALTER ANY ROLE
CRRU CREATE RULE < ALTER
CRSK CREATE SYMMETRIC KEY < ALTER ANY SYMMETRIC KEY
CRSM CREATE SCHEMA < ALTER ANY SCHEMA
CRSN CREATE SYNONYM < ALTER
CRTB CREATE TABLE < ALTER
CRTY CREATE TYPE < ALTER
CRUS CREATE USER < ALTER ANY USER
CRVW CREATE VIEW < ALTER
DL DELETE
EX EXECUTE
IN INSERT
RF REFERENCES
SL SELECT ^ SELECT ALL USER SECURABLES
SPLN SHOWPLAN ^ ALTER TRACE
TO TAKE OWNERSHIP
UMSK UNMASK
UP UPDATE
VDPS VIEW DATABASE PERFORMANCE STATE < VIEW DATABASE STATE ^ VIEW SERVER PERFORMANCE STATE
VDSS VIEW DATABASE SECURITY STATE < VIEW DATABASE STATE ^ VIEW SERVER SECURITY STATE
VW VIEW DEFINITION ^ VIEW ANY DEFINITION
VWDS VIEW DATABASE STATE ^ VIEW SERVER STATE`,
	Schema: `CL CONTROL ^ CONTROL
AL ALTER ^ ALTER ANY SCHEMA
DL DELETE ^ DELETE
EX EXECUTE ^ EXECUTE
IN INSERT ^ INSERT
RF REFERENCES ^ REFERENCES
SL SELECT ^ SELECT
TO TAKE OWNERSHIP ^ CONTROL
UP UPDATE ^ UPDATE
VW VIEW DEFINITION ^ VIEW DEFINITION`,
	Object: `CL CONTROL ^ CONTROL
AL ALTER ^ ALTER
DL DELETE ^ DELETE
EX EXECUTE ^ EXECUTE
IN INSERT ^ INSERT
RF REFERENCES ^ REFERENCES
SL SELECT ^ SELECT
TO TAKE OWNERSHIP ^ CONTROL
UP UPDATE ^ UPDATE
VW VIEW DEFINITION ^ VIEW DEFINITION`,
	Principal: `CL CONTROL ^ CONTROL
AL ALTER ^ ALTER ANY USER
IM IMPERSONATE ^ CONTROL
TO TAKE OWNERSHIP ^ CONTROL
VW VIEW DEFINITION < CONTROL, ALTER ^ VIEW DEFINITION`,
	AsymmetricKey: `CL CONTROL ^ CONTROL
AL ALTER ^ ALTER ANY ASYMMETRIC KEY
RF REFERENCES < CONTROL, ALTER ^ REFERENCES
TO TAKE OWNERSHIP ^ CONTROL
VW VIEW DEFINITION < CONTROL, ALTER, REFERENCES ^ VIEW DEFINITION`,
	SymmetricKey: `CL CONTROL ^ CONTROL
AL ALTER ^ ALTER ANY SYMMETRIC KEY
RF REFERENCES < CONTROL, ALTER ^ REFERENCES
TO TAKE OWNERSHIP ^ CONTROL
VW VIEW DEFINITION < CONTROL, ALTER, REFERENCES ^ VIEW DEFINITION`,
	Certificate: `CL CONTROL ^ CONTROL
AL ALTER ^ ALTER ANY CERTIFICATE
RF REFERENCES < CONTROL, ALTER ^ REFERENCES
TO TAKE OWNERSHIP ^ CONTROL
VW VIEW DEFINITION < CONTROL, ALTER, REFERENCES ^ VIEW DEFINITION`,
}

// infos is lines, taken apart.
var infos = func() map[Class][]Info {
	out := make(map[Class][]Info)
	for class, text := range lines {
		control := "CONTROL"
		if class == Server {
			control = "CONTROL SERVER"
		}
		for l := range strings.Lines(text) {
			l = strings.TrimSpace(l)
			l, parent, _ := strings.Cut(l, " ^ ")
			l, by, _ := strings.Cut(l, " < ")
			code, name, _ := strings.Cut(l, " ")
			i := Info{Name: name, Code: code, Class: class, Parent: parent}
			if by != "" {
				i.By = strings.Split(by, ", ")
			} else if name != control {
				i.By = []string{control}
			}
			out[class] = append(out[class], i)
		}
	}
	return out
}()

// Lookup finds a permission of a class by name, in upper case.
func Lookup(class Class, name string) (Info, bool) {
	for _, i := range infos[class] {
		if i.Name == name {
			return i, true
		}
	}
	return Info{}, false
}

// All lists the permissions of a class.
func All(class Class) []Info { return slices.Clone(infos[class]) }

// covering lists the names of one class that imply name, itself first.
func covering(class Class, name string) []string {
	out := []string{name}
	for i := 0; i < len(out); i++ {
		info, ok := Lookup(class, out[i])
		if !ok {
			continue
		}
		for _, b := range info.By {
			if !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}

// ParentClass is the class above: the database for what is in it, the schema for objects, the server for the rest.
func (c Class) ParentClass() Class {
	switch c {
	case Object:
		return Schema
	case Schema, Principal, SymmetricKey, Certificate, AsymmetricKey:
		return Database
	}
	return Server
}
