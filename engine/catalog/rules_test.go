package catalog_test

import (
	"testing"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/credential"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/grant"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/principal"
)

func pw(s string) *principal.Password { return &principal.Password{Text: catalogtest.Secret(s)} }

func yes() *bool { b := true; return &b }

func no() *bool { b := false; return &b }

// rule is one refusal: what leads to it, and the message, exactly.
type rule struct {
	db                   int // the caller's database; 0 means master, -1 the encrypted database
	op                   catalog.Operation
	number, level, state int
	text                 string
	before               func(f *catalogtest.Fixture)
}

func TestRules(t *testing.T) {
	const strong = "Correct-Horse-1"
	ekmKey := func(name string, p key.Provided) *key.CreateAsymmetric {
		return &key.CreateAsymmetric{Name: name, Provided: p}
	}
	existing := key.Provided{Provider: "AzureKeyVault_EKM", KeyName: "Other", Existing: true}
	hold := func(f *catalogtest.Fixture) { // dba holds the credential again, in place of TDE_Login
		f.MustDo(model.Master, &credential.Unmap{Login: "TDE_Login", Credential: "sysadmin_ekm_cred"}, &credential.Map{Login: "dba", Credential: "sysadmin_ekm_cred"})
	}
	rules := []rule{
		// Credentials.
		{op: &credential.Create{Name: "sysadmin_ekm_cred"}, number: 15530, level: 16, state: 1, text: `The credential with name "sysadmin_ekm_cred" already exists.`},
		{op: &credential.Create{Name: "c", Provider: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot find the cryptographic provider 'nope', because it does not exist or you do not have permission."},
		{op: &credential.Create{Name: "#c"}, number: 15006, level: 16, state: 1, text: "'#c' is not a valid name because it contains invalid characters."},
		{op: &credential.Create{Name: "c", Identity: string(make([]byte, 4001))}, number: 15540, level: 16, state: 1, text: "The identity string is too long. The identity string should contain no more than 4000 characters."},
		{op: &credential.Alter{Name: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot alter the credential 'nope', because it does not exist or you do not have permission."},
		{op: &credential.Drop{Name: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot drop the credential 'nope', because it does not exist or you do not have permission."},
		{op: &credential.Drop{Name: "sysadmin_ekm_cred"}, number: 15541, level: 16, state: 1, text: "Cannot drop the credential 'sysadmin_ekm_cred' because it is used by a server principal."},
		{op: &credential.Map{Login: "dba", Credential: "sysadmin_ekm_cred"}, number: 33042, level: 16, state: 1, text: "Cannot add credential because it is already mapped to a login."},
		{
			op: &credential.Map{Login: "TDE_Login", Credential: "second"}, number: 33043, level: 16, state: 1,
			text: "Cannot add credential 'second' because there is already credential specified for the login.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &credential.Create{Name: "second", Provider: "AzureKeyVault_EKM"})
			},
		},
		{op: &credential.Unmap{Login: "dba", Credential: "sysadmin_ekm_cred"}, number: 33045, level: 16, state: 1, text: "Cannot drop credential because it is not mapped to this login."},
		{
			op: &credential.Map{Login: "sa", Credential: "second"}, number: 15535, level: 16, state: 1, text: "Cannot set a credential for principal 'sa'.",
			before: func(f *catalogtest.Fixture) { f.MustDo(1, &credential.Create{Name: "second"}) },
		},
		{op: &credential.Map{Login: "nope", Credential: "sysadmin_ekm_cred"}, number: 15151, level: 16, state: 1, text: "Cannot alter the login 'nope', because it does not exist or you do not have permission."},

		// Providers.
		{
			op: &credential.CreateProvider{Name: "p", Path: catalogtest.Path}, number: 33053, level: 16, state: 1,
			text: "Extensible Key Management is disabled or not supported on this edition of SQL Server. Use sp_configure 'EKM provider enabled' to enable it.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &database.Configure{Name: "EKM provider enabled"}, &database.Reconfigure{})
			},
		},
		{op: &credential.CreateProvider{Name: "p", Path: "x.dll"}, number: 33027, level: 16, state: 1, text: "Cannot load library 'x.dll'. See errorlog for more information."},
		{op: &credential.CreateProvider{Name: "AzureKeyVault_EKM", Path: catalogtest.Path}, number: 15530, level: 16, state: 1, text: `The cryptographic provider with name "AzureKeyVault_EKM" already exists.`},
		{op: &credential.CreateProvider{Name: "p", Path: catalogtest.Path}, number: 33026, level: 16, state: 1, text: "Cryptographic provider with guid 'EB010203-0405-4607-8809-0A0B0C0D0E0F' already exists."},
		{op: &credential.CreateProvider{Name: "p", Path: string(make([]byte, 257))}, number: 33023, level: 16, state: 1, text: "The file path is too long. Maximum allowed length is 512 bytes."},
		{
			op: &credential.CreateProvider{Name: "p", Path: catalogtest.Path}, number: 33029, level: 16, state: 2,
			text:   "Cannot initialize cryptographic provider. Provider error code: 2051. (Provider Error - No explanation is available, consult EKM Provider for details)",
			before: func(f *catalogtest.Fixture) { f.Provider.LoadError = code.OutOfMemory },
		},
		{
			op: &credential.CreateProvider{Name: "p", Path: catalogtest.Path}, number: 33032, level: 16, state: 1,
			text: "SQL Crypto API version '02.00' implemented by provider is not supported. Supported version is '01.01'.",
			before: func(f *catalogtest.Fixture) {
				f.Provider.Info = func(i *ekm.ProviderInfo) { i.API = ekm.Version{Major: 2} }
			},
		},
		{
			op: &credential.CreateProvider{Name: "p", Path: catalogtest.Path}, number: 33025, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) { f.Provider.Info = func(i *ekm.ProviderInfo) { i.ThumbprintLen = 33 } },
		},
		{
			op: &credential.AlterProvider{Name: "AzureKeyVault_EKM", Path: catalogtest.Path}, number: 33024, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) { f.Provider.Info = func(i *ekm.ProviderInfo) { i.GUID[0]++ } },
		},
		{op: &credential.AlterProvider{Name: "nope", State: "DISABLE"}, number: 15151, level: 16, state: 1, text: "Cannot alter the cryptographic provider 'nope', because it does not exist or you do not have permission."},
		{op: &credential.DropProvider{Name: "AzureKeyVault_EKM"}, number: 33044, level: 16, state: 1, text: "Cannot drop cryptographic provider because there is credential referencing this provider."},

		// Logins.
		{op: &principal.CreateLogin{Name: "DBA", Password: pw(strong)}, number: 15025, level: 16, state: 1, text: "The server principal 'DBA' already exists."},
		{op: &principal.CreateLogin{Name: `d\u`, Password: pw(strong)}, number: 15006, level: 16, state: 1, text: `'d\u' is not a valid name because it contains invalid characters.`},
		{op: &principal.CreateLogin{Name: "l", Password: pw("short1!")}, number: 33062, level: 16, state: 1},
		{op: &principal.CreateLogin{Name: "l", Password: pw("longenough")}, number: 33064, level: 16, state: 1},
		{
			op: &principal.CreateLogin{Name: "l", Password: &principal.Password{Text: catalogtest.Secret(strong), MustChange: true}}, number: 15099, level: 16, state: 1,
			text: "The MUST_CHANGE option cannot be used when CHECK_EXPIRATION is OFF.",
		},
		{
			op: &principal.CreateLogin{Name: "l", Password: &principal.Password{Text: catalogtest.Secret(strong), MustChange: true}, Options: principal.LoginOptions{CheckPolicy: no()}}, number: 15128, level: 16, state: 1,
			text: "The CHECK_POLICY and CHECK_EXPIRATION options cannot be turned OFF when MUST_CHANGE is ON.",
		},
		{
			op: &principal.CreateLogin{Name: "l", Password: pw(strong), Options: principal.LoginOptions{CheckPolicy: no(), CheckExpiration: yes()}}, number: 15122, level: 16, state: 1,
			text: "The CHECK_EXPIRATION option cannot be used when CHECK_POLICY is OFF.",
		},
		{op: &principal.CreateLogin{Name: "l", Password: &principal.Password{Hash: make([]byte, 70)}}, number: 33020, level: 16, state: 1, text: "A HASHED password cannot be set for a login that has CHECK_POLICY turned on."},
		{op: &principal.CreateLogin{Name: "l", Password: pw(strong), Options: principal.LoginOptions{DefaultDatabase: "nope"}}, number: 15010, level: 16, state: 1},
		{op: &principal.CreateLogin{Name: "l", Password: pw(strong), SID: []byte{1}}, number: 15419, level: 16, state: 1},
		{op: &principal.CreateLogin{Name: `d\u`, From: principal.FromWindows}, number: 15401, level: 16, state: 1, text: `Windows NT user or group 'd\u' not found. Check the name again.`},
		{op: &principal.CreateLogin{Name: "l", From: principal.FromKey, FromName: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot find the asymmetric key 'nope', because it does not exist or you do not have permission."},
		{op: &principal.CreateLogin{Name: "l", From: principal.FromKey, FromName: "EKMSampleASYKey"}, number: 15433, level: 16, state: 1},
		{
			op:     &principal.CreateLogin{Name: "l", From: principal.FromKey, FromName: "EKMSampleASYKey", Options: principal.LoginOptions{DefaultDatabase: "TestTDE"}},
			number: 15171, level: 16, state: 1, text: `Cannot use the parameter "DEFAULT_DATABASE" for a certificate or asymmetric key login.`,
		},
		{op: &principal.AlterLogin{Name: "nope", State: "ENABLE"}, number: 15151, level: 16, state: 1, text: "Cannot alter the login 'nope', because it does not exist or you do not have permission."},
		{op: &principal.AlterLogin{Name: "TDE_Login", Password: pw(strong)}, number: 15171, level: 16, state: 1, text: `Cannot use the parameter "PASSWORD" for a certificate or asymmetric key login.`},
		{op: &principal.AlterLogin{Name: "dba", NewName: "sa"}, number: 15025, level: 16, state: 1, text: "The server principal 'sa' already exists."},
		{op: &principal.DropLogin{Name: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot drop the login 'nope', because it does not exist or you do not have permission."},
		{op: &principal.DropLogin{Name: "sa"}, number: 15405, level: 16, state: 1, text: "Cannot use the special principal 'sa'."},
		{op: &principal.DropLogin{Name: "dba"}, number: 15174, level: 16, state: 1, text: "Login 'dba' owns one or more database(s). Change the owner of the database(s) before dropping the login."},
		{
			op: &principal.DropLogin{Name: "dba"}, number: 15434, level: 16, state: 1, text: "Could not drop login 'dba' as the user is currently logged in.",
			before: func(f *catalogtest.Fixture) { f.Runtime.Logins = map[int]int{f.State().FindLogin("dba").ID: 1} },
		},
		{
			op: &principal.DropLogin{Name: "o"}, number: 15141, level: 16, state: 1, text: "The server principal owns one or more server role(s) and cannot be dropped.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &principal.CreateLogin{Name: "o", Password: pw(strong)}, &principal.CreateServerRole{Name: "r", Owner: "o"})
			},
		},
		{op: &principal.DropServerRole{Name: "sysadmin"}, number: 15477, level: 16, state: 1},
		{op: &principal.ServerMember{Role: "sysadmin", Member: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot add the server principal 'nope', because it does not exist or you do not have permission."},
		{op: &principal.ServerMember{Role: "sysadmin", Member: "sa", Drop: true}, number: 15405, level: 16, state: 1},

		// Users and roles.
		{op: &principal.CreateUser{Name: "dbo"}, number: 15023, level: 16, state: 1, text: "User, group, or role 'dbo' already exists in the current database."},
		{op: &principal.CreateUser{Name: "nope"}, number: 15007, level: 16, state: 1, text: "'nope' is not a valid login or you do not have permission."},
		{op: &principal.CreateUser{Name: "x", From: principal.FromLogin, FromName: "dba"}, db: -1, number: 15063, level: 16, state: 1, text: "The login already has an account under a different user name."},
		{op: &principal.DropUser{Name: "dbo"}, number: 15150, level: 16, state: 1, text: "Cannot drop the user 'dbo'."},
		{
			op: &principal.DropUser{Name: "u"}, number: 15138, level: 16, state: 1, text: "The database principal owns a schema in the database, and cannot be dropped.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &principal.CreateUser{Name: "u", From: principal.WithoutLogin}, &principal.CreateSchema{Name: "s", Owner: "u"})
			},
		},
		{
			op: &principal.DropRole{Name: "r"}, number: 15144, level: 16, state: 1, text: "The role has members. It must be empty before it can be dropped.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &principal.CreateUser{Name: "u", From: principal.WithoutLogin}, &principal.CreateRole{Name: "r"}, &principal.RoleMember{Role: "r", Member: "u"})
			},
		},
		{
			op: &principal.RoleMember{Role: "r", Member: "r2"}, number: 15413, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &principal.CreateRole{Name: "r"}, &principal.CreateRole{Name: "r2"}, &principal.RoleMember{Role: "r2", Member: "r"})
			},
		},

		// Asymmetric keys.
		{op: ekmKey("EKMSampleASYKey", existing), number: 15396, level: 16, state: 1, text: "An asymmetric key with name 'EKMSampleASYKey' already exists or this asymmetric key already has been added to the database."},
		{op: ekmKey("k", key.Provided{Provider: "AzureKeyVault_EKM", KeyName: "ContosoRSAKey0", Existing: true}), number: 15396, level: 16, state: 1, before: hold},
		{op: ekmKey("k", existing), number: 33046, level: 16, state: 1, text: "Server principal 'dba' has no credential associated with cryptographic provider 'AzureKeyVault_EKM'."},
		{
			op: ekmKey("k", existing), number: 33031, level: 16, state: 1, text: "Cryptographic provider 'AzureKeyVault_EKM' is in disabled.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &credential.AlterProvider{Name: "AzureKeyVault_EKM", State: "DISABLE"})
			},
		},
		{
			op: ekmKey("k", existing), number: 33028, level: 16, state: 1,
			text:   "Cannot open session for cryptographic provider 'AzureKeyVault_EKM'. Provider error code: 2050. (Provider Error - No explanation is available, consult EKM Provider for details)",
			before: func(f *catalogtest.Fixture) { hold(f); f.Provider.OpenError = code.PasswordTooShort },
		},
		{
			op: ekmKey("k", existing), number: 33049, level: 16, state: 2,
			text:   "Key with name 'Other' does not exist in the provider or access is denied. Provider error code: 2058.  (Provider Error - No explanation is available, consult EKM Provider for details)",
			before: func(f *catalogtest.Fixture) { hold(f); f.Provider.KeyError = code.FailureInRegistry },
		},
		{
			op: &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_2048", Provided: key.Provided{Provider: "AzureKeyVault_EKM", KeyName: "Other"}}, number: 33035, level: 16, state: 1,
			text:   "Cannot create key 'Other' in the provider. Provider error code: 3. (Not Supported - Consult EKM Provider for details)",
			before: func(f *catalogtest.Fixture) { hold(f); f.Provider.KeyError = code.NotSupported },
		},
		{op: &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_2048", Provided: existing}, number: 33034, level: 16, state: 1, text: "Cannot specify algorithm for existing key."},
		{op: &key.CreateAsymmetric{Name: "k", Password: catalogtest.Secret(strong), Provided: existing}, number: 33040, level: 16, state: 1, text: "Cryptographic provider key cannot be encrypted by password or other key."},
		{op: &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_512", Provided: key.Provided{Provider: "AzureKeyVault_EKM", KeyName: "n"}}, number: 33033, level: 16, state: 1, text: "Specified key type or option 'RSA_512' is not supported by the provider."},
		{op: ekmKey("k", key.Provided{Provider: "AzureKeyVault_EKM", KeyName: string(make([]byte, 257)), Existing: true}), number: 33023, level: 16, state: 1},
		{op: ekmKey("k", key.Provided{Provider: "nope", KeyName: "n", Existing: true}), number: 15151, level: 16, state: 1, text: "Cannot find the cryptographic provider 'nope', because it does not exist or you do not have permission."},
		{op: &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_512"}, number: 15314, level: 16, state: 1},
		{op: &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_2048"}, number: 15581, level: 16, state: 1, text: "Please create a master key in the database or open the master key in the session before performing this operation."},
		{op: &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_2048", Password: catalogtest.Secret("a")}, number: 15116, level: 16, state: 1},
		{op: &key.DropAsymmetric{Name: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot drop the asymmetric key 'nope', because it does not exist or you do not have permission."},
		{op: &key.DropAsymmetric{Name: "EKMSampleASYKey"}, number: 33127, level: 16, state: 1, text: "The asymmetric key cannot be dropped because it is used by one or more databases to encrypt a Database Encryption Key."},
		{
			op: &key.DropAsymmetric{Name: "EKMSampleASYKey"}, number: 15559, level: 16, state: 1, text: "Cannot drop asymmetric key 'EKMSampleASYKey' because there is a login mapped to it.",
			before: func(f *catalogtest.Fixture) { f.MustDo(1, &database.Drop{Name: "TestTDE"}) },
		},
		{op: &key.AlterAsymmetric{Name: "EKMSampleASYKey", Remove: true}, number: 33038, level: 16, state: 1},

		// Master keys, certificates, symmetric keys.
		{
			op: &key.CreateMaster{Password: catalogtest.Secret(strong)}, number: 15578, level: 16, state: 1, text: "There is already a master key in the database. Please drop it before performing this statement.",
			before: func(f *catalogtest.Fixture) { f.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret(strong)}) },
		},
		{op: &key.CreateMaster{Password: catalogtest.Secret("weak")}, number: 15116, level: 16, state: 1},
		{
			op: &key.DropMaster{}, number: 15580, level: 16, state: 1, text: "Cannot drop master key because certificate 'c' is encrypted by it.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret(strong)})
				f.MustDo(1, &key.CreateCertificate{Name: "c", Subject: "s"})
			},
		},
		{
			op: &key.CreateCertificate{Name: "c", Subject: "s"}, number: 15232, level: 16, state: 1, text: "A certificate with name 'c' already exists or this certificate already has been added to the database.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &key.CreateCertificate{Name: "c", Subject: "s", Encrypt: catalogtest.Secret(strong)})
			},
		},
		{op: &key.CreateCertificate{Name: "c", DER: []byte{1, 2}}, number: 15297, level: 16, state: 1},
		{op: &key.CreateSymmetric{Name: "s", Algorithm: "AES_256"}, number: 15542, level: 16, state: 1, text: "Cannot create a key without specifying an encryptor."},
		{op: &key.CreateSymmetric{Name: "s", Algorithm: "DES", Encryptors: []key.Encryptor{{Kind: "PASSWORD", Password: catalogtest.Secret(strong)}}}, number: 33128, level: 16, state: 1},
		{op: &key.CreateSymmetric{Name: "#s", Provided: existing}, number: 33052, level: 16, state: 1, text: "Cryptographic provider key cannot be a temporary key."},
		{op: &key.CreateSymmetric{Name: "s", Provided: existing, Encryptors: []key.Encryptor{{Kind: "PASSWORD"}}}, number: 33040, level: 16, state: 1},
		{op: &key.CreateSymmetric{Name: "s", Algorithm: "AES_256", Encryptors: []key.Encryptor{{Kind: "CERTIFICATE", Name: "nope"}}}, number: 15151, level: 16, state: 1, text: "Cannot find the certificate 'nope', because it does not exist or you do not have permission."},

		// Databases.
		{op: &database.Create{Name: "testtde"}, number: 1801, level: 16, state: 3, text: "Database 'testtde' already exists. Choose a different database name."},
		{op: &database.Create{Name: "d", Files: []model.File{{Name: "a", Physical: "1"}, {Name: "A", Physical: "2"}}}, number: 1828, level: 16, state: 3},
		{op: &database.Drop{Name: "nope"}, number: 3701, level: 11, state: 1, text: "Cannot drop the database 'nope', because it does not exist or you do not have permission."},
		{op: &database.Drop{Name: "master"}, number: 3708, level: 16, state: 1, text: "Cannot drop the database 'master' because it is a system database."},
		{
			op: &database.Drop{Name: "TestTDE"}, number: 3702, level: 16, state: 3, text: `Cannot drop database "TestTDE" because it is currently in use.`,
			before: func(f *catalogtest.Fixture) { f.Runtime.InDB = map[int]int{5: 1} },
		},
		{op: &database.Drop{Name: "TestTDE"}, db: -1, number: 3702, level: 16, state: 3},
		{op: &database.Set{Name: "nope", Options: []database.Option{{Name: "MULTI_USER"}}}, number: 5011, level: 14, state: 5, text: "User does not have permission to alter database 'nope', the database does not exist, or the database is not in a state that allows access checks."},
		{op: &database.Set{Name: "master", Options: []database.Option{{Name: "SINGLE_USER"}}}, number: 5058, level: 16, state: 1, text: "Option 'SINGLE_USER' cannot be set in database 'master'."},
		{op: &database.Set{Name: "tempdb", Options: []database.Option{{Name: "OFFLINE"}}}, number: 5058, level: 16, state: 1},
		{
			op: &database.Set{Name: "TestTDE", Options: []database.Option{{Name: "SINGLE_USER"}}}, number: 5070, level: 16, state: 2, text: "Database state cannot be changed while other users are using the database 'TestTDE'",
			before: func(f *catalogtest.Fixture) { f.Runtime.InDB = map[int]int{5: 1} },
		},
		{
			op: &database.Set{Name: "TestTDE", Options: []database.Option{{Name: "OFFLINE"}}}, number: 5061, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) { f.Runtime.Scan = map[int]bool{5: true} },
		},

		// Encryption.
		{op: &database.SetEncryption{Name: "TestTDE", On: true}, number: 33107, level: 16, state: 1, text: "Cannot enable database encryption because it is already enabled."},
		{
			op: &database.SetEncryption{Name: "TestTDE"}, number: 33109, level: 16, state: 1, text: "Cannot disable database encryption while an encryption, decryption, or key change scan is in progress.",
			before: func(f *catalogtest.Fixture) { f.Runtime.Scan = map[int]bool{5: true} },
		},
		{
			op: &database.SetEncryption{Name: "plain", On: true}, number: 33106, level: 16, state: 1, text: "Cannot change database encryption state because no database encryption key is set.",
			before: func(f *catalogtest.Fixture) { f.MustDo(1, &database.Create{Name: "plain"}) },
		},
		{
			op: &database.SetEncryption{Name: "TestTDE"}, number: 33108, level: 16, state: 1, text: "Cannot disable database encryption because it is already disabled.",
			before: func(f *catalogtest.Fixture) { f.MustDo(1, &database.SetEncryption{Name: "TestTDE"}) },
		},
		{
			op: &database.SetEncryption{Name: "TestTDE"}, number: 33118, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &database.Set{Name: "TestTDE", Options: []database.Option{{Name: "READ_ONLY"}}})
			},
		},
		{op: &database.SetEncryption{Name: "master", On: true}, number: 33102, level: 16, state: 1},
		{op: &database.CreateKey{Algorithm: "AES_256", Kind: database.ByAsymmetricKey, Name: "EKMSampleASYKey"}, number: 33102, level: 16, state: 1, text: "Cannot encrypt a system database. Database encryption operations cannot be performed for 'master', 'model', 'tempdb', 'msdb', or 'resource' databases."},
		{db: -1, op: &database.CreateKey{Algorithm: "AES_256", Kind: database.ByAsymmetricKey, Name: "EKMSampleASYKey"}, number: 33103, level: 16, state: 1, text: "A database encryption key already exists for this database."},
		{db: -1, op: &database.DropKey{}, number: 33105, level: 16, state: 1},
		{
			db: -1, op: &database.DropKey{}, number: 33104, level: 16, state: 1, text: "A database encryption key does not exist for this database.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(5, &database.SetEncryption{Name: "TestTDE"})
				f.MustDo(5, &database.DropKey{})
			},
		},
		{
			db: -1, op: &database.AlterKey{Algorithm: "AES_128"}, number: 33110, level: 16, state: 1, text: "Cannot change database encryption key while an encryption, decryption, or key change scan is in progress.",
			before: func(f *catalogtest.Fixture) { f.Runtime.Scan = map[int]bool{5: true} },
		},
		{
			db: -1, op: &database.AlterKey{Kind: database.ByAsymmetricKey, Name: "EKMSampleASYKey"}, number: 33145, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) { f.Runtime.Change = map[int]bool{5: true} },
		},
		{
			db: -1, op: &database.AlterKey{Algorithm: "AES_128"}, number: 33122, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) {
				f.MustDo(5, &database.AlterKey{Algorithm: "AES_128"}, &database.AlterKey{Algorithm: "AES_256"})
			},
		},
		{db: -1, op: &database.AlterKey{Kind: database.ByAsymmetricKey, Name: "nope"}, number: 15151, level: 16, state: 1, text: "Cannot find the asymmetric key 'nope', because it does not exist or you do not have permission."},
		{
			db: -1, op: &database.AlterKey{Kind: database.ByAsymmetricKey, Name: "native"}, number: 33120, level: 16, state: 1,
			text: "In order to encrypt the database encryption key with an asymmetric key, please use an asymmetric key that resides on an extensible key management provider.",
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &key.CreateAsymmetric{Name: "native", Algorithm: "RSA_2048", Password: catalogtest.Secret(strong)})
			},
		},
		{
			db: -1, op: &database.AlterKey{Kind: database.ByCertificate, Name: "c"}, number: 33101, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &key.CreateCertificate{Name: "c", Subject: "s", Encrypt: catalogtest.Secret(strong)})
			},
		},
		{
			db: -1, op: &database.AlterKey{Kind: database.ByAsymmetricKey, Name: "fresh"}, number: 33121, level: 16, state: 1,
			text: "The asymmetric key 'fresh' does not have a login associated with it. Create a login and credential for this key to automatically access the extensible key management provider 'AzureKeyVault_EKM'.",
			before: func(f *catalogtest.Fixture) {
				hold(f)
				dba := catalog.Caller{Login: f.State().FindLogin("dba").ID, Database: 1}
				if _, err := f.Do(t.Context(), dba, ekmKey("fresh", existing)); err != nil {
					t.Error(err)
				}
			},
		},

		// Server options.
		{op: &database.Configure{Name: "no such"}, number: 15123, level: 16, state: 1, text: "The configuration option 'no such' does not exist, or it may be an advanced option."},
		{
			op: &database.Configure{Name: "EKM provider enabled", Value: 1}, number: 15123, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &database.Configure{Name: "show advanced"}, &database.Reconfigure{})
			},
		},
		{op: &database.Configure{Name: "memory"}, number: 15124, level: 16, state: 1, text: "The configuration option 'memory' is not unique."},
		{op: &database.Configure{Name: "EKM", Value: 2}, number: 15129, level: 16, state: 1, text: "'2' is not a valid value for configuration option 'EKM provider enabled'."},
		{op: &database.Configure{Name: "xp_cmdshell", Value: 1}, number: 15392, level: 16, state: 1},
		{
			op: &database.Reconfigure{}, number: 5808, level: 16, state: 1, text: "Ad hoc update to system catalogs is not supported.",
			before: func(f *catalogtest.Fixture) { f.MustDo(1, &database.Configure{Name: "allow updates", Value: 1}) },
		},

		// GRANT.
		{op: &grant.Change{Verb: "GRANT", Permissions: []string{"ALTER SETTINGS"}, Class: perm.Server, Principals: []string{"nope"}}, number: 15151, level: 16, state: 1, text: "Cannot find the login 'nope', because it does not exist or you do not have permission."},
		{op: &grant.Change{Verb: "GRANT", Permissions: []string{"ALTER SETTINGS"}, Class: perm.Server, Principals: []string{"sa"}}, number: 4624, level: 16, state: 1},
		{db: -1, op: &grant.Change{Verb: "GRANT", Permissions: []string{"ALTER SETTINGS"}, Class: perm.Server, Principals: []string{"TDE_Login"}}, number: 4621, level: 16, state: 10, text: "Permissions at the server scope can only be granted when the current database is master"},
		{op: &grant.Change{Verb: "GRANT", Permissions: []string{"NO SUCH"}, Class: perm.Server, Principals: []string{"TDE_Login"}}, number: 102, level: 15, state: 1},
		{op: &grant.Change{Verb: "GRANT", Permissions: []string{"CONTROL"}, Class: perm.AsymmetricKey, Words: "ASYMMETRIC KEY", Name: "nope", Principals: []string{"dbo"}}, number: 15151, level: 16, state: 1, text: "Cannot find the asymmetric key 'nope', because it does not exist or you do not have permission."},
		{
			op: &grant.Change{Verb: "REVOKE", Permissions: []string{"ALTER SETTINGS"}, Class: perm.Server, Principals: []string{"TDE_Login"}}, number: 4611, level: 16, state: 1,
			before: func(f *catalogtest.Fixture) {
				f.MustDo(1, &grant.Change{Verb: "GRANT", Permissions: []string{"ALTER SETTINGS"}, Class: perm.Server, Principals: []string{"TDE_Login"}, GrantOption: true})
			},
		},
	}
	base := catalogtest.New(t, nil)
	db := setUp(t, base)
	for _, r := range rules {
		t.Run("", func(t *testing.T) {
			f := base.Clone(t)
			if r.before != nil {
				r.before(f)
			}
			caller := catalog.Caller{Login: f.State().FindLogin("dba").ID, Database: model.Master}
			if r.db == -1 {
				caller.Database = db
			}
			before := f.State()
			_, err := f.Do(t.Context(), caller, r.op)
			wantMessage(t, err, r.number, r.level, r.state, r.text)
			if f.State() != before {
				t.Errorf("%d: refused, and yet something changed", r.number)
			}
		})
	}
	t.Log(len(rules), "rules")
}

// What informs comes back in order, with what it is about.
func TestNotes(t *testing.T) {
	f := catalogtest.New(t, nil)
	db := setUp(t, f)
	for _, c := range []struct {
		db     int
		op     catalog.Operation
		number int
		text   string
	}{
		{1, &database.Configure{Name: "show advanced", Value: 1}, 15457, "Configuration option 'show advanced options' changed from 1 to 1. Run the RECONFIGURE statement to install."},
		{1, &credential.AlterProvider{Name: "AzureKeyVault_EKM", State: "DISABLE"}, 33057, ""},
		{db, &database.SetEncryption{Name: "TestTDE"}, 5084, "Setting database option ENCRYPTION to OFF for database 'TestTDE'."},
		{db, &database.Set{Name: "TestTDE", Options: []database.Option{{Name: "OFFLINE"}}}, 5068, ""},
	} {
		r := f.MustDo(c.db, c.op)
		if len(r.Notes) != 1 || r.Notes[0].Number != c.number || c.text != "" && r.Notes[0].Text != c.text || !r.Notes[0].Info() {
			t.Errorf("%T: %v", c.op, r.Notes)
		}
	}
	// A failed ALTER DATABASE has two messages.
	_, err := f.Do(t.Context(), catalogtest.SA(), &database.SetEncryption{Name: "nope"})
	if m := messages(err); m != "5011 5069" {
		t.Errorf("messages %s", m)
	}
	// A certificate that was never backed up.
	f.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret("Correct-Horse-1")})
	f.MustDo(1, &key.CreateCertificate{Name: "c", Subject: "s"}, &database.Create{Name: "d2"})
	d2 := f.State().FindDatabase("d2").ID
	if r := f.MustDo(d2, &database.CreateKey{Algorithm: "AES_128", Kind: database.ByCertificate, Name: "c"}); len(r.Notes) != 1 || r.Notes[0].Number != 33091 {
		t.Errorf("notes %v", r.Notes)
	}
	f.MustDo(1, &key.BackupCertificate{Name: "c", Private: true, Encrypt: catalogtest.Secret("Correct-Horse-2"), Write: func(_, _ []byte) error { return nil }})
	if r := f.MustDo(d2, &database.AlterKey{Kind: database.ByCertificate, Name: "c"}); len(r.Notes) != 0 {
		t.Errorf("after a backup: %v", r.Notes)
	}
}
