-- Encrypts a database with a key of master, while it is in use: that of 01-set-up.sql is EKMSampleASYKey, that of "latchkey up --demo" LatchkeyDemoKey.
--
--   latchkey sql -i examples/02-encrypt.sql -v Database=TestTDE -v AsymmetricKey=EKMSampleASYKey
USE [$(Database)];
GO
CREATE DATABASE ENCRYPTION KEY
WITH ALGORITHM = AES_256
ENCRYPTION BY SERVER ASYMMETRIC KEY $(AsymmetricKey);
GO
ALTER DATABASE [$(Database)] SET ENCRYPTION ON;
GO
-- encryption_state_desc says ENCRYPTED when the last page is done.
SELECT DB_NAME(database_id) AS name, encryptor_type, encryption_state_desc, percent_complete, encryptor_thumbprint
FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('$(Database)');
GO
