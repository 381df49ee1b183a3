//go:build !race

package engine_test

const raceFactor = 1
