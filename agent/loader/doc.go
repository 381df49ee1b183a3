// Package loader makes an ekm.Provider of an EKM library in C: the kind of library that SQL Server loads for CREATE CRYPTOGRAPHIC
// PROVIDER ... FROM FILE. It is for Linux.
//
// A library runs in a process of its own, latchkey-ekm-loader (shim/loader), which loads it as SQL Server does and serves it with the
// frames of package agent/frame on a socket that only this process can reach. So no C runs here, and a library that crashes or hangs costs
// the calls that it was in: the process is started again, sessions are opened again with the next call, and databases stay open.
//
// [Loader.Load] checks that neither the library nor its folder can be changed by others than root and this process's own account,
// in place of the signature that SQL Server asks for on Windows. What the library does with the rights of this account is not
// limited: load what you trust.
//
// Not carried by the interface, and so not there: keys' URIs, the algorithm that wrapped, the reasons behind a code; importing keys.
package loader
