// Package compose puts the parts together: it opens seal, storage, audit log, vault, token authority, proxy and listeners in
// order, wires them, and closes them in the reverse order. It is the only package that knows more than one part.
package compose
