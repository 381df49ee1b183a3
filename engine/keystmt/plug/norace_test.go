//go:build !race

package plug_test

const race = false
