module latchkey

go 1.26.0

require (
	github.com/Azure/azure-sdk-for-go/sdk/azcore v1.24.0 // app/cli, app/compose, app/running, azure, internal/bench, vault/vaulttest
	github.com/Azure/azure-sdk-for-go/sdk/azidentity v1.15.0 // app/cli, app/running, azure, internal/bench
	github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys v1.5.0 // app/cli, app/compose, app/running, internal/bench, vault/vaulttest
	github.com/CycloneDX/cyclonedx-go v0.12.0 // internal/sbom
	github.com/decred/dcrd/dcrec/secp256k1/v4 v4.4.1 // keywrap
	github.com/go-jose/go-jose/v4 v4.1.8 // entra, entra/directory, internal/jwks, keywrap, vault/release, vault/token, vault/vaulttest
	github.com/google/go-cmp v0.7.0 // vault/store/storetest
	github.com/google/uuid v1.6.0 // app/admin, app/compose, entra, entra/directory, internal/sbom, vault/armapi, vault/httpapi, vault/token
	github.com/jackc/pgx/v5 v5.12.0 // internal/bench
	github.com/leodido/go-syslog/v4 v4.5.0 // monitor/notify/syslog
	github.com/microsoft/go-mssqldb v1.11.2 // app/cli, app/compose, app/fleet, app/quickstart, app/sqlscript, internal/bench
	github.com/ncruces/go-sqlite3 v0.35.6 // engine/cell, engine/lite, engine/schema, engine/schema/ddl/define, engine/schema/property, engine/tde, engine/tde/sealvfs, engine/tde/tempfile, engine/write, engine/write/row, internal/bench
	github.com/prometheus/client_golang v1.25.0 // app/agentd, connector, internal/gendocs, monitor/metrics
	github.com/rogpeppe/go-internal v1.16.0 // tests
	github.com/sqlc-dev/teesql v1.1.0 // internal/bench
	github.com/standard-webhooks/standard-webhooks/libraries v0.0.1 // tests
	github.com/tink-crypto/tink-go/v2 v2.9.0 // keywrap
	github.com/wneessen/go-mail v0.8.1 // monitor/notify/mail
	go.etcd.io/bbolt v1.5.0 // vault/store/boltstore
	golang.org/x/crypto v0.58.0 // vault/seal
	golang.org/x/net v0.62.0 // tests
	golang.org/x/sync v0.24.0 // azure, connector
	golang.org/x/sys v0.49.0 // agent/peer, app/agentd, audit, connector, connector/keymap, engine/tde/pagecache, internal/fsys, internal/secret, vault/store/boltstore
	golang.org/x/term v0.47.0 // app/cli
	golang.org/x/text v0.43.0 // engine/sqltype/collation
	software.sslmate.com/src/go-pkcs12 v0.7.4 // azure/sqlcred
)

require (
	github.com/Azure/azure-sdk-for-go/sdk/internal v1.13.0 // indirect
	github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/internal v1.2.0 // indirect
	github.com/AzureAD/microsoft-authentication-library-for-go v1.10.1 // indirect
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/Microsoft/go-winio v0.6.2 // agent/peer
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/golang-sql/civil v0.0.0-20220223132316-b832511892a9 // indirect
	github.com/golang-sql/sqlexp v0.1.0 // app/sqlscript
	github.com/klauspost/compress v1.20.3 // engine/backup/media
	github.com/kylelemons/godebug v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-sqlite3-wasm/v6 v6.3.35304 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/pkg/browser v0.0.0-20240102092130-5ac0b6a4141c // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/shopspring/decimal v1.4.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	honnef.co/go/tools v0.8.2 // indirect
	mvdan.cc/gofumpt v0.12.0 // indirect
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
)

tool (
	honnef.co/go/tools/cmd/staticcheck
	mvdan.cc/gofumpt
)
