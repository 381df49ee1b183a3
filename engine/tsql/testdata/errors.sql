--! 102 2 Incorrect syntax near ';'.
ALTER LOGIN [domain\userName];
ADD CREDENTIAL <new_credential_name>;
GO
--! 102 2 Incorrect syntax near ';'.
ALTER LOGIN new_login_name;
ADD CREDENTIAL c;
GO
--! 102 2 Incorrect syntax near '<'.
ALTER LOGIN <new_login_name>;
ADD CREDENTIAL <new_credential_name>;
GO
--! 102 2 Incorrect syntax near '<'.
CREATE CREDENTIAL <new_credential_name>
    WITH IDENTITY = <key vault>,
    SECRET = 'existing/new secret'
    FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM;
GO
--! 102 2 Incorrect syntax near '<'.
CREATE CREDENTIAL c WITH IDENTITY = <key vault>, SECRET = 's'
GO
--! 102 4 Incorrect syntax near '<'.
CREATE ASYMMETRIC KEY k
 FROM PROVIDER [AzureKeyVault_EKM]
 WITH PROVIDER_KEY_NAME = <new_key_from_key_vault>,
 CREATION_DISPOSITION = OPEN_EXISTING;
GO
--! 102 2 Incorrect syntax near '<'.
CREATE ASYMMETRIC KEY <new_ekm_key_name> FROM PROVIDER p
GO
--! 102 3 Incorrect syntax near '<'.
CREATE LOGIN x
FROM ASYMMETRIC KEY <new_ekm_key_name>;
GO
--! 102 2 Incorrect syntax near '<'.
USE <DB Name>;
--Create an ENCRYPTION KEY
GO
--! 102 2 Incorrect syntax near '<'.
ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY <new_ekm_key_name>;
GO
--! 156 2 Incorrect syntax near the keyword 'ADD'.
ADD CREDENTIAL c
GO
--! 102 2 Incorrect syntax near 'EKM_AKey1'.
CREATE SYMMETRIC KEY k WITH ALGORITHM = AES_256 ENCRYPTION BY EKM_AKey1
GO
--! 102 2 Incorrect syntax near 'p'.
ALTER CRYPTOGRAPHIC PROVIDER p
GO
--! 102 2 Incorrect syntax near 'AES_257'.
CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_257 ENCRYPTION BY SERVER CERTIFICATE c
GO
--! 102 2 Incorrect syntax near 'PAUSE'.
ALTER DATABASE d SET ENCRYPTION PAUSE
GO
--! 102 2 Incorrect syntax near 'NONSENSE'.
ALTER DATABASE d SET NONSENSE ON
GO
--! 156 2 Incorrect syntax near the keyword 'DATABASE'.
USE DATABASE
GO
--! 102 2 Incorrect syntax near '@s'.
CREATE CREDENTIAL c WITH IDENTITY = 'i', SECRET = @s
GO
--! 155 2 'FOO' is not a recognized BACKUP option.
BACKUP DATABASE d TO DISK = 'x' WITH FOO
GO
--! 155 2 'ENCRYPTION' is not a recognized RESTORE option.
RESTORE DATABASE d FROM DISK = 'x' WITH ENCRYPTION (ALGORITHM = AES_256)
GO
--! 102 2 Incorrect syntax near 'from'.
select * from
GO
--! 156 2 Incorrect syntax near the keyword 'from'.
select from t
GO
--! 156 3 Incorrect syntax near the keyword 'WHERE'.
SELECT a FROM
WHERE a = 1
GO
--! 102 2 Incorrect syntax near '='.
SELECT (a = b) FROM t
GO
--! 102 2 Incorrect syntax near '='.
SELECT 1 + a = b FROM t
GO
--! 102 2 Incorrect syntax near ','.
SELECT a,, b FROM t
GO
--! 102 2 Incorrect syntax near ')'.
SELECT (1 + )
GO
--! 102 2 Incorrect syntax near '1'.
SELECT (1
GO
--! 102 2 Incorrect syntax near ')'.
SELECT * FROM (SELECT 1 AS a)
GO
--! 4145 2 An expression of non-boolean type specified in a context where a condition is expected, near '1'.
SELECT 1 WHERE 1
GO
--! 4145 2 An expression of non-boolean type specified in a context where a condition is expected, near 'AND'.
SELECT 1 FROM t WHERE a AND b = 1
GO
--! 4145 2 An expression of non-boolean type specified in a context where a condition is expected, near 'SELECT'.
IF @a SELECT 1
GO
--! 102 2 Incorrect syntax near '+'.
SELECT 1 FROM t WHERE (a = 1) + 1 = 2
GO
--! 102 2 Incorrect syntax near '?'.
SELECT ?
GO
--! 105 3 Unclosed quotation mark after the character string 'abc
--! def'.
SELECT 1,
 'abc
--! def
GO
--! 105 2 Unclosed quotation mark after the character string 'a]]b'.
SELECT [a]]b
GO
--! 105 2 Unclosed quotation mark after the character string 'x'.
SELECT N'x
GO
--! 113 2 Missing end comment mark '*/'.
SELECT 1 /* a /* b */
GO
--! 156 2 Incorrect syntax near the keyword 'FROM'.
SELECT FROM 'abc
GO
--! 103 2 The identifier that starts with 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is too long. Maximum length is 128.
SELECT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
GO
--! 1038 2 An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as "" or [] are not allowed. Change the alias to a valid name.
SELECT 1 AS []
GO
--! 1038 2 An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as "" or [] are not allowed. Change the alias to a valid name.
SELECT 1 AS ''
GO
--! 1007 2 The number '123456789012345678901234567890123456789' is out of the range for numeric representation (maximum precision 38).
SELECT 123456789012345678901234567890123456789
GO
--! 168 2 The floating point value '1e999' is out of the range of computer representation (8 bytes).
SELECT 1e999
GO
--! 319 2 Incorrect syntax near the keyword 'with'. If this statement is a common table expression, an xmlnamespaces clause or a change tracking context clause, the previous statement must be terminated with a semicolon.
SELECT 1 with c AS (SELECT 1 AS a) SELECT * FROM c
GO
--! 319 3 Incorrect syntax near the keyword 'WITH'. If this statement is a common table expression, an xmlnamespaces clause or a change tracking context clause, the previous statement must be terminated with a semicolon.
DECLARE @x int
WITH c AS (SELECT 1 AS a) SELECT * FROM c
GO
--! 336 2 Incorrect syntax near 'c'. If this is intended to be a common table expression, you need to explicitly terminate the previous statement with a semi-colon.
SELECT 1 FROM t WITH c AS (SELECT 1 AS a) SELECT * FROM c
GO
--! 321 2 "NOLOK" is not a recognized table hints option. If it is intended as a parameter to a table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode is set to 90.
SELECT * FROM t WITH (NOLOK)
GO
--! 111 3 'CREATE VIEW' must be the first statement in a query batch.
SELECT 1
CREATE VIEW v AS SELECT 1 AS a
GO
--! 111 3 'CREATE/ALTER PROCEDURE' must be the first statement in a query batch.
SET NOCOUNT ON;
ALTER PROC p AS SELECT 1
GO
--! 111 2 'CREATE FUNCTION' must be the first statement in a query batch.
IF 1 = 1 CREATE FUNCTION f () RETURNS int AS BEGIN RETURN 1 END
GO
--! 111 2 'ALTER TRIGGER' must be the first statement in a query batch.
BEGIN ALTER TRIGGER tr ON t FOR INSERT AS RETURN END
GO
--! 111 3 'CREATE SCHEMA' must be the first statement in a query batch.
PRINT 1
CREATE SCHEMA s
GO
--! 154 2 a USE database statement is not allowed in a procedure, function or trigger.
CREATE PROC p AS USE master
GO
--! 156 2 Incorrect syntax near the keyword 'SELECT'.
CREATE FUNCTION f () RETURNS int AS BEGIN RETURN 1 END SELECT 1
GO
--! 102 2 Incorrect syntax near 'AS'.
CREATE PROC p AS
GO
--! 1033 2 The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified.
SELECT * FROM (SELECT a FROM t ORDER BY a) x
GO
--! 1033 2 The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified.
CREATE VIEW v AS SELECT a FROM t ORDER BY a
GO
--! 135 2 Cannot use a BREAK statement outside the scope of a WHILE statement.
BREAK
GO
--! 136 2 Cannot use a CONTINUE statement outside the scope of a WHILE statement.
IF 1 = 1 CONTINUE
GO
--! 133 3 A GOTO statement references the label 'nowhere' but the label has not been declared.
SELECT 1
GOTO nowhere
GO
--! 132 3 The label 'A' has already been declared. Label names must be unique within a query batch or stored procedure.
a: SELECT 1
A: SELECT 2
GO
--! 178 2 A RETURN statement with a return value cannot be used in this context.
RETURN 1
GO
--! 10704 2 To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.
THROW
GO
--! 10713 2 A MERGE statement must be terminated by a semi-colon (;).
MERGE t USING s ON t.a = s.a WHEN MATCHED THEN DELETE
GO
--! 195 2 'NOSUCH' is not a recognized SET option.
SET NOSUCH ON
GO
--! 102 2 Incorrect syntax near 'BEGIN'.
BEGIN
GO
--! 156 2 Incorrect syntax near the keyword 'END'.
BEGIN END
GO
--! 156 2 Incorrect syntax near the keyword 'END'.
SELECT 1 END
GO
--! 156 2 Incorrect syntax near the keyword 'ELSE'.
SELECT 1 ELSE SELECT 2
GO
--! 102 3 Incorrect syntax near 'TRY'.
BEGIN TRY SELECT 1
END TRY
GO
--! 102 2 Incorrect syntax near ';'.
IF 1 = 1 ; SELECT 1
GO
--! 102 2 Incorrect syntax near 'sp_who'.
SELECT 1; sp_who
GO
--! 102 2 Incorrect syntax near '2'.
SELECT 1 a 2
GO
--! 102 2 Incorrect syntax near '50000'.
SELECT 1 THROW 50000, 'x', 1
GO
--! 131 2 The size (9000) given to the type 'varchar' exceeds the maximum allowed for any data type (8000).
DECLARE @a varchar(9000)
GO
--! 1001 2 Line 2: Length or precision specification 0 is invalid.
DECLARE @a varchar(0)
GO
--! 192 2 The scale must be less than or equal to the precision.
DECLARE @a decimal(5, 6)
GO
--! 1002 2 Line 2: Specified scale 8 is invalid.
DECLARE @a datetime2(8)
GO
--! 159 2 Must specify the table name and index name for the DROP INDEX statement.
DROP INDEX ix
GO
--! 117 2 The object name 'a.b.c.d.e' contains more than the maximum number of prefixes. The maximum is 3.
SELECT * FROM a.b.c.d.e
GO
--! 102 2 Incorrect syntax near '@n'.
SELECT TOP @n a FROM t
GO
--! 156 2 Incorrect syntax near the keyword 'TABLE'.
CREATE TABLE TABLE (a int)
GO
--! 102 2 Incorrect syntax near ')'.
CREATE TABLE t ()
GO
--! 102 2 Incorrect syntax near ')'.
INSERT INTO t VALUES ()
GO
--! 156 2 Incorrect syntax near the keyword 'WHERE'.
UPDATE t WHERE a = 1
GO
--! 102 2 Incorrect syntax near 'x'.
GRANT SELECT ON x
GO
--! 102 2 Incorrect syntax near 'DEFAULT_DATABASE'.
CREATE LOGIN l WITH PASSWORD = 'p' DEFAULT_DATABASE = d
GO
--! 102 2 Incorrect syntax near 'LOGIN'.
EXEC p 1, WITHOUT LOGIN
GO
--! 102 2 Incorrect syntax near '+'.
EXEC p 'a' + 'b'
GO
--! 102 2 Incorrect syntax near '.'.
EXEC p dbo.t
GO
--! 102 2 Incorrect syntax near 'secret text'.
CREATE CREDENTIAL c WITH IDENTITY = 'v' 'secret text'
