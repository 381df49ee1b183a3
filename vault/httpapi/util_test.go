package httpapi_test

import "crypto/tls"

func tlsState() *tls.ConnectionState { return &tls.ConnectionState{HandshakeComplete: true} }
