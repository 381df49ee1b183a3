// Package storetest is the conformance suite of store.Store: an implementation's test calls [Run], and [RunDurable] when it
// outlives the process. It also has [Mem], a store in memory for tests of packages above the store; never use it for data.
package storetest
