// Package names says what names in a query refer to: [Source] and [Rows] are the tables and columns in scope, [Base] is what one statement
// has noted of the objects it uses. Rows also know the keys of GROUP BY, since a name may be right before grouping and wrong after it.
package names
