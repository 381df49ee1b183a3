// Package keyspec holds the rules of keys without any state: which types, sizes, curves and operations a vault takes, what a
// request may say under which API version, when a key may do what, how a key looks in a reply. It has no I/O and no clock.
//
// Every refusal is an *akv.Error as the service words it. Use [Spec] for what is to be made, [Import] for what is brought,
// [Update] for changes, [Usable] before every operation with a key, and a [View] to shape replies.
package keyspec
