package storetest_test

import (
	"testing"

	"latchkey/vault/store"
	"latchkey/vault/store/storetest"
)

func TestMem(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return storetest.NewMem() })
}
