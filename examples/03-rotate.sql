-- Puts a database under a new version of its key. The data is not rewritten: only the database's own key is wrapped anew, in no time.
--
--   latchkey key rotate --name ContosoRSAKey0      prints the new version, the last part of its id
--   latchkey sql -i examples/03-rotate.sql -v Database=TestTDE -v Vault=latchkey-dev -v Key=ContosoRSAKey0/VERSION -v Login=dba -v Suffix=2
--
-- Keep the old version in the vault: backups from before need it.
USE master;
GO
-- One credential serves one login, so the new login gets one of its own.
CREATE CREDENTIAL sysadmin_ekm_cred$(Suffix)
    WITH IDENTITY = '$(Vault)',
    SECRET = '$(LATCHKEY_EKM_SECRET)'
FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM;
GO
ALTER LOGIN [$(Login)] ADD CREDENTIAL sysadmin_ekm_cred$(Suffix);
GO
CREATE ASYMMETRIC KEY EKMSampleASYKey$(Suffix)
FROM PROVIDER AzureKeyVault_EKM
WITH PROVIDER_KEY_NAME = '$(Key)',
CREATION_DISPOSITION = OPEN_EXISTING;
GO
CREATE LOGIN TDE_Login$(Suffix) FROM ASYMMETRIC KEY EKMSampleASYKey$(Suffix);
GO
ALTER LOGIN [$(Login)] DROP CREDENTIAL sysadmin_ekm_cred$(Suffix);
GO
ALTER LOGIN TDE_Login$(Suffix) ADD CREDENTIAL sysadmin_ekm_cred$(Suffix);
GO
USE [$(Database)];
GO
ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey$(Suffix);
GO
SELECT encryptor_type, encryption_state_desc, encryptor_thumbprint
FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('$(Database)');
GO
