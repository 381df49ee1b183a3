-- What is encrypted by what. The thumbprint joins a database to its key.
--
--   latchkey sql -i examples/05-look.sql
SELECT DB_NAME(d.database_id) AS database_name, d.encryption_state_desc, d.key_algorithm, d.key_length, d.encryptor_type, k.name AS key_name, d.encryptor_thumbprint
FROM sys.dm_database_encryption_keys AS d LEFT JOIN master.sys.asymmetric_keys AS k ON k.thumbprint = d.encryptor_thumbprint
ORDER BY database_name;
GO
SELECT p.name AS provider, p.version, p.is_enabled, c.name AS credential, c.credential_identity
FROM sys.cryptographic_providers AS p LEFT JOIN sys.credentials AS c ON c.target_id = p.provider_id
ORDER BY p.name, c.name;
GO
