-- Gives the server a new client secret before the old one expires. Nothing is restarted and nobody is disconnected.
--
--   latchkey sql -i examples/04-renew-secret.sql -v Vault=latchkey-dev
USE master;
GO
ALTER CREDENTIAL sysadmin_ekm_cred
    WITH IDENTITY = '$(Vault)',
    SECRET = '$(LATCHKEY_EKM_SECRET)';
GO
