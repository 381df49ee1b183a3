-- Sets up a key in a vault as what protects databases of this server. Run it once for each server, as a sysadmin:
--
--   latchkey sql -i examples/01-set-up.sql -v Vault=latchkey-dev -v Key=ContosoRSAKey0 -v Login=dba
--
-- $(LATCHKEY_EKM_SECRET) is the client id of a service principal without hyphens (32 digits) and its secret right behind. Give it as an environment variable, never on a
-- command line; `latchkey env` has it ready for a running `latchkey up`. The principal needs get, wrapKey and unwrapKey on the key.
USE master;
GO
EXEC sp_configure 'show advanced options', 1;
GO
RECONFIGURE;
GO
EXEC sp_configure 'EKM provider enabled', 1;
GO
RECONFIGURE;
GO
-- On a real SQL Server this is the path of a library. Here it is a name of the connector that is built in.
CREATE CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM
FROM FILE = 'C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll';
GO
-- The credential belongs to whoever creates the key first, and to the login that is made from the key afterwards.
CREATE CREDENTIAL sysadmin_ekm_cred
    WITH IDENTITY = '$(Vault)',
    SECRET = '$(LATCHKEY_EKM_SECRET)'
FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM;
GO
ALTER LOGIN [$(Login)] ADD CREDENTIAL sysadmin_ekm_cred;
GO
CREATE ASYMMETRIC KEY EKMSampleASYKey
FROM PROVIDER AzureKeyVault_EKM
WITH PROVIDER_KEY_NAME = '$(Key)',
CREATION_DISPOSITION = OPEN_EXISTING;
GO
-- The server itself uses the key with this login, at every start.
CREATE LOGIN TDE_Login FROM ASYMMETRIC KEY EKMSampleASYKey;
GO
ALTER LOGIN [$(Login)] DROP CREDENTIAL sysadmin_ekm_cred;
GO
ALTER LOGIN TDE_Login ADD CREDENTIAL sysadmin_ekm_cred;
GO
SELECT name, algorithm_desc, thumbprint FROM sys.asymmetric_keys;
GO
