//go:build !race

package keystmt_test

const race = false
