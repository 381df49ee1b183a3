package def

import (
	"fmt"

	"latchkey/engine/sqltype"
)

// Refusal says that a function, or a form of it, is not supported: message 40517.
type Refusal struct {
	Name string // what was asked for
	Why  string // lower case, for the log and the features table
}

// Error is message 40517 with the reason.
func (r *Refusal) Error() string {
	return fmt.Sprintf("Keyword or statement option '%s' is not supported in this version of SQL Server.", r.Name)
}

// Unwrap gives the refusal as a message that can be sent.
func (r *Refusal) Unwrap() error {
	return &sqltype.Error{Number: 40517, Level: 16, State: 1, Message: r.Error()}
}

// template is a message's text with its level and state.
type template struct {
	level, state uint8
	text         string
}

var templates = map[int]template{
	155:   {15, 1, "'%s' is not a recognized %s option."},
	174:   {15, 1, "The %s function requires %d argument(s)."},
	189:   {15, 1, "The %s function requires %d to %d arguments."},
	195:   {15, 10, "'%s' is not a recognized built-in function name."},
	207:   {16, 1, "Invalid column name '%s'."},
	289:   {16, 3, "Cannot construct data type %s, some of the arguments have values which are not valid."},
	517:   {16, 1, "Adding a value to a '%s' column caused an overflow."},
	535:   {16, 0, "The %s function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use %s with a less precise datepart."},
	536:   {16, 2, "Invalid length parameter passed to the %s function."},
	537:   {16, 2, "Invalid length parameter passed to the LEFT or SUBSTRING function."},
	1023:  {15, 1, "Invalid parameter %d specified for %s."},
	3623:  {16, 1, "An invalid floating point operation occurred."},
	4127:  {16, 1, "At least one of the arguments to COALESCE must be an expression that is not the NULL constant."},
	4151:  {16, 1, "The type of the first argument to NULLIF cannot be the NULL constant because the type of the first argument has to be known."},
	8116:  {16, 1, "Argument data type %s is invalid for argument %d of %s function."},
	8133:  {16, 1, "At least one of the result expressions in a CASE specification must be an expression other than the NULL constant."},
	9810:  {16, 1, "The datepart %s is not supported by date function %s for data type %s."},
	9812:  {16, 1, "The timezone provided to builtin function %s is invalid."},
	9820:  {16, 1, "The time zone parameter '%s' provided to AT TIME ZONE clause is invalid."},
	9828:  {16, 1, "The second and third arguments of the TRANSLATE built-in function must contain an equal number of characters."},
	10743: {15, 1, "The %s function requires a minimum of %d and a maximum of %d arguments."},
	506:   {16, 1, "The invalid escape character \"%s\" was specified in a %s predicate."},
	6810:  {16, 1, "Column name '%s' is repeated. The same attribute cannot be generated more than once on the same XML tag."},
	6841:  {16, 1, "FOR XML could not serialize the data for node '%s' because it contains a character (0x%04X) which is not allowed in XML. To retrieve this data using FOR XML, convert it to binary, varbinary or image data type and use the BINARY BASE64 directive."},
	6846:  {16, 2, "XML name space prefix '%s' declaration is missing for FOR XML column name '%s'."},
	6850:  {16, 1, "%s name '%s' contains an invalid XML identifier as required by FOR XML; '%c'(0x%04X) is the first character at fault."},
	6852:  {16, 1, "Attribute-centric column '%s' must not come after a non-attribute-centric sibling in XML hierarchy in FOR XML PATH."},
	6864:  {16, 1, "Row tag omission (empty row tag name) cannot be used with attribute-centric FOR XML serialization."},
	13601: {16, 1, "Property '%s' cannot be generated in JSON output due to a conflict with another column name or alias. Use different names and aliases for each column in SELECT list."},
	13603: {16, 1, "Property '%s' cannot be generated in JSON output due to invalid character in the column name or alias. Column name or alias that contains '..', starts or ends with '.' is not allowed in query that has FOR JSON clause."},
	13607: {16, 4, "JSON path is not properly formatted. Unexpected character '%c' is found at position %d."},
	13608: {16, 2, "Property cannot be found on the specified JSON path."},
	13609: {16, 1, "JSON text is not properly formatted. Unexpected character '%c' is found at position %d."},
	13623: {16, 2, "Scalar value cannot be found in the specified JSON path."},
	13624: {16, 2, "Object or array cannot be found in the specified JSON path."},
	13625: {16, 1, "String value in the specified JSON path would be truncated."},
	9818:  {16, 1, "The culture parameter '%s' provided in the function call is not supported."},
	9819:  {16, 1, "Error converting string value '%s' into data type %s using culture '%s'."},
	10761: {15, 1, "Invalid data type %s in function %s."},
	9829:  {16, 1, "STRING_AGG aggregation result exceeded the limit of 8000 bytes. Use LOB types to avoid result truncation."},
}

// Errorf is a message of SQL Server's that functions raise, ready to be sent. Numbers that package sqltype knows may be given too.
func Errorf(number int, args ...any) *sqltype.Error {
	t, ok := templates[number]
	if !ok {
		return sqltype.NewError(number, args...)
	}
	return &sqltype.Error{Number: number, Level: t.level, State: t.state, Message: fmt.Sprintf(t.text, args...)}
}

// BadType is message 8116: argument n (from 1) of a function must not be of this type.
func BadType(t sqltype.Type, n int, function string) error {
	name := t.Kind.MessageName()
	if t.Kind == sqltype.Null {
		name = "NULL"
	}
	return Errorf(8116, name, n, function)
}
