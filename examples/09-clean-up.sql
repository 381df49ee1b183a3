-- Takes everything away again, in the order that always succeeds. The data of the database is lost; the key stays in the vault.
--
--   latchkey sql -i examples/09-clean-up.sql -v Database=TestTDE
--
-- Behind 03-rotate.sql, drop the database first, then what that script made: the credential of TDE_Login2 (ALTER LOGIN ... DROP CREDENTIAL), the login, the credential, and
-- the key, which the database needed; then go on here with the login.
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
