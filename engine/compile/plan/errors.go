package plan

import (
	"fmt"

	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/token"
)

// Error is a message about a place in the batch. Unwrap gives the *sqltype.Error.
type Error struct {
	Err *sqltype.Error
	// Pos is the place; a zero Line means that of the statement.
	Pos token.Pos
}

// Error is the message alone, as clients show it.
func (e *Error) Error() string { return e.Err.Message }

// Unwrap gives the message with its number.
func (e *Error) Unwrap() error { return e.Err }

// At puts a message at a place. Errors that have one, and nil, stay.
func At(err error, pos token.Pos) error {
	if e, ok := err.(*sqltype.Error); ok {
		return &Error{Err: e, Pos: pos}
	}
	return err
}

// Fail is a message of a query's compilation with its blanks filled, at a place.
func Fail(pos token.Pos, number int, args ...any) error {
	return &Error{Err: message(number, args...), Pos: pos}
}

// Unsupported refuses a feature by name: message 40517.
func Unsupported(feature string, pos token.Pos) error {
	return Fail(pos, 40517, feature)
}

// text is a message's level, state and words in Go's verbs.
type text struct {
	level, state uint8
	words        string
}

// message fills a message in. Numbers without words here are those of package sqltype.
func message(number int, args ...any) *sqltype.Error {
	t, ok := texts[number]
	if !ok {
		return sqltype.NewError(number, args...)
	}
	return &sqltype.Error{Number: number, Level: t.level, State: t.state, Message: fmt.Sprintf(t.words, args...)}
}

// texts are the messages about names and shapes of queries.
var texts = map[int]text{
	102:   {15, 1, "Incorrect syntax near '%s'."},
	104:   {16, 1, "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator."},
	107:   {15, 1, "The column prefix '%s' does not match with a table name or alias name used in the query."},
	108:   {16, 1, "The ORDER BY position number %d is out of range of the number of items in the select list."},
	109:   {15, 1, "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."},
	110:   {15, 1, "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."},
	112:   {15, 4, "Variables are not allowed in this context."},
	128:   {15, 1, "The name \"%s\" is not permitted in this context. Valid expressions are constants, constant expressions, and (in some contexts) variables. Column names are not permitted."},
	156:   {15, 1, "Incorrect syntax near the keyword '%s'."},
	157:   {15, 1, "An aggregate may not appear in the set list of an UPDATE statement."},
	158:   {15, 1, "An aggregate may not appear in the OUTPUT clause."},
	168:   {15, 1, "The floating point value '%s' is out of the range of computer representation (8 bytes)."},
	177:   {15, 1, "The IDENTITY function can only be used when the SELECT statement has an INTO clause."},
	1007:  {15, 1, "The number '%s' is out of the range for numeric representation (maximum precision 38)."},
	1038:  {15, 5, "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name."},
	1046:  {15, 1, "Subqueries are not allowed in this context. Only scalar expressions are allowed."},
	2715:  {16, 6, "Column, parameter, or variable %s: Cannot find data type %s."},
	2716:  {16, 1, "Column, parameter, or variable #1: Cannot specify a column width on data type %s."},
	4127:  {16, 1, "At least one of the arguments to COALESCE must be an expression that is not the NULL constant."},
	4151:  {16, 1, "The type of the first argument to NULLIF cannot be the NULL constant because the type of the first argument has to be known."},
	4193:  {16, 1, "'BETWEEN %s AND %s' is not a valid window frame and cannot be used with the OVER clause."},
	4194:  {16, 1, "RANGE is only supported with UNBOUNDED and CURRENT ROW window frame delimiters."},
	5362:  {16, 1, "Window '%s' is undefined."},
	10756: {15, 1, "Window frame with ROWS or RANGE must have an ORDER BY clause."},
	10759: {15, 1, "Use of DISTINCT is not allowed with the OVER clause."},
	116:   {16, 1, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS."},
	120:   {15, 1, "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns."},
	121:   {15, 1, "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns."},
	127:   {15, 1, "A TOP N or FETCH rowcount value may not be negative."},
	130:   {16, 1, "Cannot perform an aggregate function on an expression containing an aggregate or a subquery."},
	137:   {15, 2, "Must declare the scalar variable \"%s\"."},
	141:   {15, 1, "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations."},
	144:   {15, 1, "Cannot use an aggregate or a subquery in an expression used for the group by list of a GROUP BY clause."},
	145:   {15, 1, "ORDER BY items must appear in the select list if SELECT DISTINCT is specified."},
	147:   {15, 1, "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a select list, and the column being aggregated is an outer reference."},
	155:   {15, 1, "'%s' is not a recognized %s option."},
	164:   {15, 1, "Each GROUP BY expression must contain at least one column that is not an outer reference."},
	169:   {15, 1, "A column has been specified more than once in the order by list. Columns in the order by list must be unique."},
	174:   {15, 1, "The %s function requires %d argument(s)."},
	189:   {15, 1, "The %s function requires %d to %d arguments."},
	191:   {15, 1, "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries."},
	195:   {15, 10, "'%s' is not a recognized %s."},
	205:   {16, 1, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists."},
	207:   {16, 1, "Invalid column name '%s'."},
	208:   {16, 1, "Invalid object name '%s'."},
	209:   {16, 1, "Ambiguous column name '%s'."},
	217:   {16, 1, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit %d)."},
	310:   {15, 1, "The value %s specified for the MAXRECURSION option exceeds the allowed maximum of 32767."},
	215:   {16, 1, "Parameters supplied for object '%s' which is not a function. If the parameters are intended as a table hint, a WITH keyword is required."},
	216:   {16, 1, "Parameters were not supplied for the function '%s'."},
	239:   {16, 1, "Duplicate common table expression name '%s' was specified."},
	4502:  {16, 1, "View or function '%s' has more column names specified than columns defined."},
	5335:  {16, 1, "The data type %s cannot be used as an operand to the UNION, INTERSECT or EXCEPT operators because it is not comparable."},
	8154:  {16, 1, "The table '%s' is ambiguous."},
	8167:  {16, 1, "The type of column \"%s\" conflicts with the type of other columns specified in the UNPIVOT list."},
	10705: {15, 1, "Subqueries are not allowed in the OUTPUT clause."},
	10703: {15, 1, "Too many grouping sets. The maximum number is 4096."},
	10734: {15, 1, "Variable assignment is not allowed in a statement containing a top level UNION, INTERSECT or EXCEPT operator."},
	240:   {16, 1, "Types don't match between the anchor and the recursive part in column \"%s\" of recursive query \"%s\"."},
	243:   {16, 1, "Type %s is not a defined system type."},
	252:   {16, 1, "Recursive common table expression '%s' does not contain a top-level UNION ALL operator."},
	253:   {16, 1, "Recursive member of a common table expression '%s' has multiple recursive references."},
	263:   {16, 1, "Must specify table to select from."},
	264:   {16, 1, "The column name '%s' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code."},
	271:   {16, 1, "The column \"%s\" cannot be modified because it is either a computed column or is the result of a UNION operator."},
	306:   {16, 2, "The text, ntext, and image data types cannot be compared or sorted, except when using IS NULL or LIKE operator."},
	313:   {16, 3, "An insufficient number of arguments were supplied for the procedure or function %s."},
	317:   {16, 1, "Table-valued function '%s' cannot have a column alias."},
	402:   {16, 1, "The data types %s and %s are incompatible in the %s operator."},
	408:   {16, 1, "A constant expression was encountered in the ORDER BY list, position %d."},
	421:   {16, 1, "The %s data type cannot be selected as DISTINCT because it is not comparable."},
	443:   {16, 15, "Invalid use of a side-effecting operator '%s' within a function."},
	444:   {16, 3, "Select statements included within a function cannot return data to a client."},
	455:   {16, 2, "The last statement included within a function must be a return statement."},
	456:   {16, 1, "RETURN statements in scalar valued functions must include an argument."},
	2772:  {16, 1, "Cannot access temporary tables from within a function."},
	4512:  {16, 3, "Cannot schema bind %s '%s' because name '%s' is invalid for schema binding. Names must be in two-part format and an object cannot reference itself."},
	446:   {16, 1, "Cannot resolve collation conflict for %s operation."},
	447:   {16, 1, "Expression type %s is invalid for COLLATE clause."},
	451:   {16, 1, "Cannot resolve collation conflict between \"%s\" and \"%s\" in %s operator occurring in %s statement column %d."},
	457:   {16, 1, "Implicit conversion of %s value to %s cannot be performed because the collation of the value is unresolved due to a collation conflict between \"%s\" and \"%s\" in %s operator."},
	460:   {16, 1, "DISTINCT operator is not allowed in the recursive part of a recursive common table expression '%s'."},
	461:   {16, 1, "The TOP or OFFSET operator is not allowed in the recursive part of a recursive common table expression '%s'."},
	462:   {16, 1, "Outer join is not allowed in the recursive part of a recursive common table expression '%s'."},
	465:   {16, 1, "Recursive references are not allowed in subqueries."},
	467:   {16, 1, "GROUP BY, HAVING, or aggregate functions are not allowed in the recursive part of a recursive common table expression '%s'."},
	512:   {16, 1, "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression."},
	530:   {16, 1, "The statement terminated. The maximum recursion %d has been exhausted before statement completion."},
	1004:  {16, 1, "Invalid column prefix '%s': No table name specified"},
	1008:  {16, 1, "The SELECT item identified by the ORDER BY number %d contains a variable as part of the expression identifying a column position. Variables are only allowed when ordering by an expression referencing a column name."},
	1011:  {16, 1, "The correlation name '%s' is specified multiple times in a FROM clause."},
	1012:  {16, 1, "The correlation name '%s' has the same exposed name as table '%s'."},
	1013:  {16, 1, "The objects \"%s\" and \"%s\" in the FROM clause have the same exposed names. Use correlation names to distinguish them."},
	1015:  {15, 1, "An aggregate cannot appear in an ON clause unless it is in a subquery contained in a HAVING clause or select list, and the column being aggregated is an outer reference."},
	1031:  {15, 1, "Percent values must be between 0 and 100."},
	1033:  {15, 1, "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified."},
	1060:  {15, 1, "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer."},
	1062:  {15, 1, "The TOP N WITH TIES clause is not allowed without a corresponding ORDER BY clause."},
	1087:  {15, 2, "Must declare the table variable \"%s\"."},
	4104:  {16, 1, "The multi-part identifier \"%s\" could not be bound."},
	4108:  {15, 1, "Windowed functions can only appear in the SELECT or ORDER BY clauses."},
	4109:  {15, 1, "Windowed functions cannot be used in the context of another windowed function or aggregate."},
	4112:  {16, 1, "The function '%s' must have an OVER clause with ORDER BY."},
	4113:  {16, 1, "The function '%s' is not a valid windowing function, and cannot be used with the OVER clause."},
	4121:  {16, 1, "Cannot find either column \"%s\" or the user-defined function or aggregate \"%s\", or the name is ambiguous."},
	4145:  {15, 1, "An expression of non-boolean type specified in a context where a condition is expected, near '%s'."},
	4406:  {16, 1, "Update or insert of view or function '%s' failed because it contains a derived or constant field."},
	4413:  {16, 1, "Could not use view or function '%s' because of binding errors."},
	4701:  {16, 1, "Cannot find the object \"%s\" because it does not exist or you do not have permissions."},
	5308:  {16, 1, "Windowed functions, aggregates and NEXT VALUE FOR functions do not support integer indices as ORDER BY clause expressions."},
	5309:  {16, 1, "Windowed functions, aggregates and NEXT VALUE FOR functions do not support constants as ORDER BY clause expressions."},
	8108:  {16, 1, "Cannot add identity column, using the SELECT INTO statement, to table '%s', which already has column '%s' that inherits the identity property."},
	8109:  {16, 1, "Attempting to add multiple identity columns to table '%s' using the SELECT INTO statement."},
	8115:  {16, 2, "Arithmetic overflow error converting %s to data type %s."},
	8117:  {16, 1, "Operand data type %s is invalid for %s operator."},
	8120:  {16, 1, "Column '%s' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause."},
	8121:  {16, 1, "Column '%s' is invalid in the HAVING clause because it is not contained in either an aggregate function or the GROUP BY clause."},
	8124:  {16, 1, "Multiple columns are specified in an aggregated expression containing an outer reference. If an expression being aggregated contains an outer reference, then that outer reference must be the only column referenced in the expression."},
	8127:  {16, 1, "Column \"%s\" is invalid in the ORDER BY clause because it is not contained in either an aggregate function or the GROUP BY clause."},
	8133:  {16, 1, "At least one of the result expressions in a CASE specification must be an expression other than the NULL constant."},
	8141:  {16, 0, "Column CHECK constraint for column '%s' references another column, table '%s'."},
	8144:  {16, 3, "Procedure or function %s has too many arguments specified."},
	8155:  {16, 2, "No column name was specified for column %d of '%s'."},
	8156:  {16, 1, "The column '%s' was specified multiple times for '%s'."},
	8158:  {16, 1, "'%s' has more columns than were specified in the column list."},
	8159:  {16, 1, "'%s' has fewer columns than were specified in the column list."},
	8161:  {16, 1, "Argument %d of the %s function does not match any of the expressions in the GROUP BY clause."},
	8163:  {16, 1, "The text, ntext or image data type cannot be selected as DISTINCT."},
	8623:  {16, 1, "The query processor ran out of internal resources and could not produce a query plan. This is a rare event and only expected for extremely complex queries or queries that reference a very large number of tables or partitions. Please simplify the query. If you believe you have received this message in error, contact Customer Support Services for more information."},
	8631:  {17, 1, "Internal error: Server stack limit has been reached. Please look for potentially deep nesting in your query, and try to simplify it."},
	10709: {16, 1, "The number of columns for each row in a table value constructor must be the same."},
	10742: {15, 1, "The offset specified in a OFFSET clause may not be negative."},
	10743: {15, 1, "The number of rows provided for a OFFSET clause must be an integer."},
	10744: {15, 1, "The number of rows provided for a FETCH clause must be greater then zero."},
	10741: {15, 2, "A TOP can not be used in the same query or sub-query as a OFFSET."},
	10750: {15, 1, "The %s function requires an OVER clause with ORDER BY."},
	10753: {15, 1, "The function '%s' must have an OVER clause."},
	10752: {15, 1, "The function '%s' must not have a window frame."},
	6800:  {16, 1, "FOR XML AUTO requires at least one table for generating XML tags. Use FOR XML RAW or add a FROM clause with a table name."},
	6809:  {16, 1, "Unnamed tables cannot be used as XML identifiers as well as unnamed columns cannot be used for attribute names. Name unnamed columns/tables using AS in the SELECT statement."},
	6819:  {16, 1, "The FOR XML clause is not allowed in a %s statement."},
	6829:  {16, 1, "FOR XML EXPLICIT and RAW modes currently do not support addressing binary data as URLs in column '%s'. Remove the column, or use the BINARY BASE64 mode, or create the URL directly using the 'dbobject/TABLE[@PK1=\"V1\"]/@COLUMN' syntax."},
	6861:  {16, 1, "Empty root tag name cannot be specified with FOR XML."},
	13600: {16, 1, "FOR JSON AUTO requires at least one table for generating JSON objects. Use FOR JSON PATH or add a FROM clause with a table name."},
	13602: {16, 1, "The FOR JSON clause is not allowed in a %s statement."},
	13605: {16, 1, "Column expressions and data sources without names or aliases cannot be formatted as JSON text using FOR JSON clause. Add alias to the unnamed column or table."},
	13620: {16, 1, "ROOT option and WITHOUT_ARRAY_WRAPPER option cannot be used together in FOR JSON. Remove one of these options."},
	13618: {16, 1, "AS JSON option can be specified only for column of nvarchar(max) type in WITH clause."},
	40517: {16, 1, "Keyword or statement option '%s' is not supported in this version of SQL Server."},
	11719: {15, 1, "NEXT VALUE FOR function is not allowed in check constraints, default objects, computed columns, views, user-defined functions, user-defined aggregates, user-defined table types, sub-queries, common table expressions, derived tables or return statements."},
	11720: {15, 1, "NEXT VALUE FOR function is not allowed in the TOP, OVER, OUTPUT, ON, WHERE, GROUP BY, HAVING, or ORDER BY clauses."},
	11721: {15, 1, "NEXT VALUE FOR function cannot be used directly in a statement that uses a DISTINCT, UNION, UNION ALL, EXCEPT or INTERSECT operator."},
	11723: {15, 1, "NEXT VALUE FOR function cannot be used directly in a statement that contains an ORDER BY clause unless the OVER clause is specified."},
	11741: {15, 1, "NEXT VALUE FOR function cannot be used within CASE, CHOOSE, COALESCE, IIF, ISNULL and NULLIF."},
}

// Message is Fail without a place.
func Message(number int, args ...any) *sqltype.Error { return message(number, args...) }
