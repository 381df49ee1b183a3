// Package scope is the code that runs with variables of its own: a batch, a dynamic batch, a procedure.
//
// A [Frame] has the variables, cursors and temporary tables of one such run, and where it is: the line for messages, the label that a GOTO
// looks for. Frames form a stack by their parents. Nothing here runs anything; a [Variable]'s type is found where it is first used (package
// define).
package scope
