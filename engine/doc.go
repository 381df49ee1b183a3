// Package engine is a database server: it puts catalogue, databases, key statements, sessions and listener together over one data
// folder.
//
// [Open] locks the folder, opens what is in it and makes what a new server has; [Engine.Serve] accepts TDS clients; [Engine.Close] ends in
// the reverse order. The keys that protect users' databases are reached through the providers that Open is given (ekm.Provider), and
// only when a database is opened, restored, or its key changes: never by a query.
//
// What Open promises. A server with a folder that another process uses is refused by that process's name ([ErrInUse]). Users' databases are
// opened behind it, so Open returns soon; one whose key cannot be had is RECOVERY_PENDING and comes by itself when the key is back.
// After a crash at any moment the next Open goes on with every change that was acknowledged. What is missing is never made anew
// beside data that needs it: a lost service master key, catalogue or system database is an error that says what to put back.
//
// The folder: catalog (metadata), system (master, model, msdb), data (users' databases), log (the error log), service-key (the service
// master key, unless Config.ServiceKeyDir says another place). The one login of a new server is Config.Admin; sa is there, disabled.
package engine
