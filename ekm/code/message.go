package code

import (
	"fmt"
	"regexp"
	"strings"
)

// blank is a place in a template of SQL Server. "%S_MSG" is a word of the server's choice, "%.*ls" a name, "%I64d" a number.
var blank = regexp.MustCompile(`%(?:%|S_[A-Z]+|[#0]*\d*(?:\.\*)?(?:l|h|I64)?[sdx])`)

// Message is the text of SQL Server's message with its blanks filled from args, in order. A blank without an argument
// stays as it is, and so does a message whose text is not known: it is "" then.
func (e Entry) Message(args ...any) string {
	return blank.ReplaceAllStringFunc(e.Text, func(b string) string {
		if b == "%%" {
			return "%"
		}
		if len(args) == 0 {
			return b
		}
		arg := args[0]
		args = args[1:]
		switch b[len(b)-1] {
		case 'd', 'x':
			switch arg.(type) {
			case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
				return fmt.Sprintf(strings.NewReplacer("I64", "", "l", "", "h", "").Replace(b), arg)
			}
		}
		if c, ok := arg.(Code); ok {
			return fmt.Sprint(c.Number())
		}
		return fmt.Sprint(arg)
	})
}

// Words is what SQL Server writes in parentheses behind a provider's code: words of its own for the interface's codes, and
// that there is no explanation for all others. The words for 2, 4 and 6 are by analogy; the others were seen.
func Words(provider Code) string {
	known := "Provider Error - No explanation is available, consult"
	if provider.Space() == Provider {
		switch provider {
		case Success:
			known = "Success - Consult"
		case Failure:
			known = "Failure - Consult"
		case InsufficientBuffer:
			known = "Insufficient Buffer - Consult"
		case NotSupported:
			known = "Not Supported - Consult"
		case NotFound:
			known = "Not Found - Consult"
		case AuthFailure:
			known = "Authentication Failure - Consult"
		case InvalidArgument:
			known = "Invalid Argument - Consult"
		}
	}
	return known + " EKM Provider for details"
}
