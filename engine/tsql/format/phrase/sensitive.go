package phrase

import (
	"regexp"
	"strings"

	"latchkey/engine/tsql/ast"
)

// secretClause finds the clauses of T-SQL and of connection strings that hold a secret, inside a string.
var secretClause = regexp.MustCompile(`(?i)(secret|password|passphrase|pwd|key_source|identity_value|accountkey|sharedaccesssignature)[^=]{0,20}=`)

func holdsSecret(s string) bool { return secretClause.MatchString(s) }

// AnyHoldsSecret reports whether one of the strings that are put together has a clause that holds a secret: the secret itself
// may be in another.
func AnyHoldsSecret(list []ast.Expr) bool {
	for _, e := range list {
		if l, ok := e.(*ast.Literal); ok && (l.Kind == ast.StringLit || l.Kind == ast.NStringLit) && holdsSecret(l.Text) {
			return true
		}
	}
	return false
}

// secretName finds names of variables and parameters that hold a secret.
var secretName = regexp.MustCompile(`(?i)(secret|passw|passphrase|pwd)`)

// secretFunctions take a password or passphrase among their arguments, or give away what they hash.
var secretFunctions = Words(`ENCRYPTBYPASSPHRASE DECRYPTBYPASSPHRASE DECRYPTBYASYMKEY DECRYPTBYCERT DECRYPTBYKEYAUTOASYMKEY
DECRYPTBYKEYAUTOCERT SIGNBYASYMKEY SIGNBYCERT PWDENCRYPT PWDCOMPARE`)

// secretProcedures take a password among their arguments.
var secretProcedures = Words(`SP_ADDLOGIN SP_PASSWORD SP_ADDLINKEDSRVLOGIN SP_SETAPPROLE SP_ADDAPPROLE SP_APPROLEPASSWORD
SP_ADDREMOTELOGIN SP_CHANGE_USERS_LOGIN SP_CONTROL_DBMASTERKEY_PASSWORD SP_ADDLINKEDSERVER SP_ADD_PROXY`)

// Masked runs f with string constants hidden if hide is true.
func (p *Printer) Masked(hide bool, f func()) {
	if hide {
		p.mask++
		defer func() { p.mask-- }()
	}
	f()
}

func isSecretFunction(n ast.ObjectName) bool { return secretFunctions[strings.ToUpper(n.Name())] }

// IsSecretProcedure reports whether a procedure takes a password.
func IsSecretProcedure(n ast.ObjectName) bool { return secretProcedures[strings.ToUpper(n.Name())] }

// AssignsSecret reports whether an expression is kept under a name that says it is a secret.
func AssignsSecret(name string) bool { return secretName.MatchString(name) }

// comparesSecret reports whether a condition compares something named like a secret.
func comparesSecret(list ...ast.Expr) bool {
	for _, e := range list {
		switch e := e.(type) {
		case *ast.Variable:
			if AssignsSecret(e.Name) {
				return true
			}
		case *ast.ColumnRef:
			if AssignsSecret(e.Name.Name()) {
				return true
			}
		}
	}
	return false
}
