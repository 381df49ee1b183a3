// Package module makes, changes, renames and drops the objects that are no tables: views, procedures, functions, schemas, sequences,
// synonyms and types. A [Maker] has a method for each statement; package ddl calls them.
//
// Views and inline functions are compiled when they are made, so that their columns are known; the bodies of procedures and other
// functions when they run.
package module
