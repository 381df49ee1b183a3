// Package ddl parses what defines objects: tables, indexes, statistics, views, procedures, functions, triggers, schemas,
// sequences, synonyms, types; and DROP of everything.
//
// Bodies of modules are parsed to the end, by the statement parser that the cursor carries. Kinds of objects that are known
// and not supported become ast.Unsupported.
package ddl
