package sqltype

import "fmt"

// Error is one of SQL Server's messages about a value or a type, ready to be sent.
type Error struct {
	Number  int
	Level   uint8
	State   uint8
	Message string
}

// Error is the message alone, as clients show it.
func (e *Error) Error() string { return e.Message }

// Is makes errors.Is(err, sqltype.Number(8115)) true for an Error of that number.
func (e *Error) Is(target error) bool {
	n, ok := target.(Number)
	return ok && int(n) == e.Number
}

// Number is a message number as a target of errors.Is.
type Number int

// Error names the number.
func (n Number) Error() string { return fmt.Sprintf("message %d", int(n)) }

// template is the text of a message in Go's verbs, with the state that SQL Server raises it with.
type template struct {
	level, state uint8
	text         string
}

var templates = map[int]template{
	131:  {15, 2, "The size (%d) given to the column '%s' exceeds the maximum allowed for any data type (%d)."},
	206:  {16, 2, "Operand type clash: %s is incompatible with %s"},
	220:  {16, 1, "Arithmetic overflow error for data type %s, value = %d."},
	232:  {16, 3, "Arithmetic overflow error for type %s, value = %f."},
	234:  {16, 2, "There is insufficient result space to convert a money value to %s."},
	235:  {16, 0, "Cannot convert a char value to money. The char value has incorrect syntax."},
	236:  {16, 1, "The conversion from char data type to money resulted in a money overflow error."},
	241:  {16, 1, "Conversion failed when converting date and/or time from character string."},
	242:  {16, 3, "The conversion of a %s data type to a %s data type resulted in an out-of-range value."},
	244:  {16, 2, "The conversion of the %s value '%s' overflowed an %s column. Use a larger integer column."},
	245:  {16, 1, "Conversion failed when converting the %s value '%s' to data type %s."},
	248:  {16, 1, "The conversion of the %s value '%s' overflowed an int column."},
	257:  {16, 3, "Implicit conversion from data type %s to %s is not allowed. Use the CONVERT function to run this query."},
	281:  {16, 1, "%d is not a valid style number when converting from %s to a character string."},
	293:  {16, 0, "Cannot convert char value to smallmoney. The char value has incorrect syntax."},
	294:  {16, 0, "The conversion from char data type to smallmoney data type resulted in a smallmoney overflow error."},
	295:  {16, 3, "Conversion failed when converting character string to smalldatetime data type."},
	402:  {16, 1, "The data types %s and %s are incompatible in the %s operator."},
	403:  {16, 1, "Invalid operator for data type. Operator equals %s, type equals %s."},
	448:  {16, 1, "Invalid collation '%s'."},
	468:  {16, 9, "Cannot resolve the collation conflict between \"%s\" and \"%s\" in the %s operation."},
	517:  {16, 1, "Adding a value to a '%s' column caused an overflow."},
	529:  {16, 2, "Explicit conversion from data type %s to %s is not allowed."},
	1001: {15, 1, "Line 1: Length or precision specification %d is invalid."},
	1002: {15, 1, "Line 1: Specified scale %d is invalid."},
	2628: {16, 1, "String or binary data would be truncated in table '%s', column '%s'. Truncated value: '%s'."},
	2750: {16, 1, "Column or parameter %s: Specified column precision %d is greater than the maximum precision of %d."},
	2751: {16, 1, "Column or parameter %s: Specified scale %d is greater than the specified precision of %d."},
	8114: {16, 5, "Error converting data type %s to %s."},
	8115: {16, 2, "Arithmetic overflow error converting %s to data type %s."},
	8117: {16, 1, "Operand data type %s is invalid for %s operator."},
	8134: {16, 1, "Divide by zero error encountered."},
	8152: {16, 14, "String or binary data would be truncated."},
	8169: {16, 2, "Conversion failed when converting from a character string to uniqueidentifier."},
	8170: {16, 2, "Insufficient result space to convert uniqueidentifier value to char."},
	9807: {16, 0, "The input character string does not follow style %d, either change the input character string or use a different style."},
	9809: {16, 1, "The style %d is not supported for conversions from %s to %s."},
}

// NewError fills a message's template with its arguments, in order. A number without a template gives message 50000 with the
// number in its words, so that a mistake shows in tests and never hides an error.
func NewError(number int, args ...any) *Error {
	t, ok := templates[number]
	if !ok {
		return &Error{Number: 50000, Level: 16, State: 1, Message: fmt.Sprintf("message %d has no text: %v", number, args)}
	}
	return &Error{Number: number, Level: t.level, State: t.state, Message: fmt.Sprintf(t.text, args...)}
}

// Overflow is message 8115: from is a type's name or "expression".
func Overflow(from string, to Kind) *Error { return NewError(8115, from, to.MessageName()) }
