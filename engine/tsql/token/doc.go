// Package token splits a T-SQL batch into tokens and defines the syntax errors that clients see.
//
// [Lex] does the whole batch at once. It never fails half-way without a trace: the tokens before a lexical error stay usable
// and the last token is [Bad], so that a parser reports whichever error comes first in the text. Tokens are 20 bytes and
// point into the source; [Token.Value] decodes escapes only when asked to.
//
// Lexical rules that are easily got wrong, and hold here: nested block comments; ” and ]] and "" escapes; a backslash before
// a line end continues a string; 1e is a float, 0x an empty binary, $ the money zero; an integer beyond int is a decimal;
// "x" is one token whose meaning depends on QUOTED_IDENTIFIER, which may change inside the batch, so the parser decides.
//
// GO is no token: clients split scripts before they send them.
//
// Every size is bounded by [Limits]. Nothing here panics on any input, valid UTF-8 or not.
package token
