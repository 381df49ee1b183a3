// Package sysview shows the objects of a database as SQL Server's catalogue views: sys.objects, sys.columns, sys.indexes,
// INFORMATION_SCHEMA.COLUMNS and the rest of those that [Names] lists, and the older sysobjects, syscolumns, systypes, sysindexes.
//
// [Columns] are a view's columns with their types in order, [Rows] its rows, made from a snapshot. Which objects a caller may see is
// decided by Env.Visible. Views of the server, of principals and keys are in catalog/views.
package sysview
