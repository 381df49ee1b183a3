// Package query compiles SELECT: sources, joins, grouping, order, set operations, common table expressions, views.
//
// A [Compiler] belongs to one statement and is not safe for concurrent use. Every source gets an alias of its own in the statement
// (t1, t2 ...), so that texts can be moved; the columns of whatever is nested are called c1, c2 ... .
//
// APPLY becomes a join where SQLite can do it: without correlation; of a query without FROM; of one whose correlation is in WHERE;
// TOP over tables; a single row of aggregates; and table functions. Other forms are refused by name. GROUPING SETS, ROLLUP and CUBE become UNION ALL, PIVOT and
// UNPIVOT conditional aggregation and a join with numbers.
package query
