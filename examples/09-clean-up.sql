-- Takes everything away again, in the order that always succeeds. The data of the database is lost; the key stays in the vault.
--
--   latchkey sql -i examples/09-clean-up.sql -v Database=TestTDE
--
-- Behind 03-rotate.sql, take what it made away first: the credential of TDE_Login2 (ALTER LOGIN ... DROP CREDENTIAL), the login, the credential, the key.
USE master;
GO
ALTER DATABASE [$(Database)] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;
DROP DATABASE [$(Database)];
GO
ALTER LOGIN TDE_Login DROP CREDENTIAL sysadmin_ekm_cred;
DROP LOGIN TDE_Login;
GO
DROP CREDENTIAL sysadmin_ekm_cred;
GO
DROP ASYMMETRIC KEY EKMSampleASYKey;
DROP CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM;
GO
