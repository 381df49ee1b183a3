//go:build !race

package compile_test

const slow = 1
