// Package fleet watches the keys of SQL Servers and vaults that others run: latchkey watch.
//
// A vault's key is checked by use: it is read, wraps a random value and unwraps it, through the connector, as a database server does. A SQL Server is asked for its
// databases and their states, and where the login may use the protector (EKM key of master), for the same round trip by ENCRYPTBYASYMKEY and DECRYPTBYASYMKEY. What is found runs
// through the machines of package monitor, so a refusal counts once it is confirmed, and an outage never does.
//
// A watcher closes nothing. Where the engine's log says that a database was made inaccessible, the one here says so of a database that is not open; of one that still runs, and of a
// key of a vault, it says KeyAccessLost: it will not open after the next restart. There is no window: what comes back is told whenever it does.
//
// [Read] a configuration, [New] a Fleet over a provider, and run it with monitor/watch, or once with [Fleet.Once]. Secrets are named by their source, never written in the
// configuration; files are read again for each connection, so that a renewed secret needs no restart.
package fleet
