// Package def has what functions are made of: their description ([Function]), what one call site becomes ([Call], [Aggregate]),
// what they may ask of the session ([Env]) and the text that carries them through SQL (spec.go).
//
// The packages beside this one describe functions with it; package fn puts them into one table and is what everybody else imports.
package def
