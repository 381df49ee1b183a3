// Package builtin has the system procedures that need the session itself and so are in Go: sp_rename, sp_set_session_context,
// sp_describe_first_result_set, sp_describe_undeclared_parameters, xp_msver, xp_instance_regread. Those that are refused are here by name.
//
// Procedures that can be said in T-SQL are in package sysproc.
package builtin
