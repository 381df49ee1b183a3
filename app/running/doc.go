// Package running is what a running server says about itself in its data directory (run.json) and what its clients make of it:
// environment variables, an HTTP client, a key client. Servers write it, commands and tests read it.
package running
