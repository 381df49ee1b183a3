//go:build !race

package tde_test

const raced = 1
