// Package quickstart is the main job of this program from start to end, with proof of each step: a database is set up with the documented statements through a
// SQL driver, filled, found in clear on the disk, encrypted, not found any more, put under a new version of its key, backed up, restored and read after a restart.
//
// Run works on a Server that somebody else started and says what it does as it does it. A step that does not prove what it says is an error.
package quickstart
