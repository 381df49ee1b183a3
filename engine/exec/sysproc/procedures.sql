CREATE PROCEDURE sp_databases AS
SELECT name AS DATABASE_NAME, CONVERT(int, NULL) AS DATABASE_SIZE, CONVERT(varchar(254), NULL) AS REMARKS
FROM sys.databases WHERE HAS_DBACCESS(name) = 1 ORDER BY 1
GO
CREATE PROCEDURE sp_who @loginame sysname = NULL AS
SELECT spid, CONVERT(smallint, 0) AS ecid, status, loginame, hostname, CONVERT(char(5), blocked) AS blk, DB_NAME(dbid) AS dbname, cmd, CONVERT(int, 0) AS request_id
FROM sys.sysprocesses
WHERE @loginame IS NULL OR loginame = @loginame OR CONVERT(nvarchar(10), spid) = @loginame OR @loginame = 'active' AND cmd <> 'AWAITING COMMAND'
ORDER BY spid
GO
CREATE PROCEDURE sp_who2 @loginame sysname = NULL AS
SELECT CONVERT(char(5), spid) AS SPID, status AS Status, loginame AS Login, hostname AS HostName, CONVERT(char(5), '  .') AS BlkBy, DB_NAME(dbid) AS DBName,
 cmd AS Command, cpu AS CPUTime, physical_io AS DiskIO, CONVERT(varchar(14), CONVERT(varchar(5), last_batch, 101) + ' ' + CONVERT(varchar(8), last_batch, 108)) AS LastBatch, program_name AS ProgramName,
 CONVERT(char(5), spid) AS SPID, CONVERT(int, 0) AS REQUESTID
FROM sys.sysprocesses
WHERE @loginame IS NULL OR loginame = @loginame OR CONVERT(nvarchar(10), spid) = @loginame OR @loginame = 'active' AND cmd <> 'AWAITING COMMAND'
ORDER BY sysprocesses.spid
GO
CREATE PROCEDURE sp_helpdb @dbname sysname = NULL AS
IF @dbname IS NOT NULL AND DB_ID(@dbname) IS NULL
BEGIN
 RAISERROR(15010, 16, 1, @dbname)
 RETURN 1
END
SELECT name, CONVERT(nvarchar(13), NULL) AS db_size, SUSER_SNAME(owner_sid) AS owner, CONVERT(smallint, database_id) AS dbid, CONVERT(nvarchar(11), create_date, 106) AS created,
 CONVERT(nvarchar(600), 'Status=' + state_desc + ', Updateability=' + CASE is_read_only WHEN 1 THEN 'READ_ONLY' ELSE 'READ_WRITE' END + ', UserAccess=' + user_access_desc
  + ', Recovery=' + recovery_model_desc + ', Collation=' + collation_name) AS status, compatibility_level
FROM sys.databases WHERE @dbname IS NULL OR name = @dbname ORDER BY name
GO
CREATE PROCEDURE sp_tables @table_name nvarchar(384) = NULL, @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL, @table_type varchar(100) = NULL, @fUsePattern bit = 1 AS
SELECT CONVERT(sysname, DB_NAME()) AS TABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS TABLE_OWNER, CONVERT(sysname, o.name) AS TABLE_NAME,
 CONVERT(varchar(32), CASE o.type WHEN 'U' THEN 'TABLE' ELSE 'VIEW' END) AS TABLE_TYPE, CONVERT(varchar(254), NULL) AS REMARKS
FROM sys.objects o
WHERE o.type IN ('U', 'V')
 AND (@table_name IS NULL OR @fUsePattern = 1 AND o.name LIKE @table_name OR o.name = @table_name)
 AND (@table_owner IS NULL OR @fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @table_owner OR SCHEMA_NAME(o.schema_id) = @table_owner)
 AND (@table_type IS NULL OR @table_type LIKE '%''TABLE''%' AND o.type = 'U' OR @table_type LIKE '%''VIEW''%' AND o.type = 'V')
ORDER BY 4, 1, 2, 3
GO
CREATE PROCEDURE sp_columns_100 @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @NameScope int = 0, @ODBCVer int = 2, @fUsePattern bit = 1 AS
SELECT CONVERT(sysname, DB_NAME()) AS TABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS TABLE_OWNER, CONVERT(sysname, o.name) AS TABLE_NAME,
 CONVERT(sysname, c.name) AS COLUMN_NAME,
 CONVERT(smallint, CASE t.name WHEN 'bit' THEN -7 WHEN 'tinyint' THEN -6 WHEN 'smallint' THEN 5 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5 WHEN 'decimal' THEN 3 WHEN 'numeric' THEN 2
  WHEN 'money' THEN 3 WHEN 'smallmoney' THEN 3 WHEN 'real' THEN 7 WHEN 'float' THEN 6 WHEN 'char' THEN 1 WHEN 'varchar' THEN 12 WHEN 'text' THEN -1 WHEN 'nchar' THEN -8
  WHEN 'nvarchar' THEN -9 WHEN 'ntext' THEN -10 WHEN 'binary' THEN -2 WHEN 'varbinary' THEN -3 WHEN 'image' THEN -4 WHEN 'timestamp' THEN -2 WHEN 'uniqueidentifier' THEN -11
  WHEN 'date' THEN CASE @ODBCVer WHEN 3 THEN 91 ELSE -9 END WHEN 'time' THEN CASE @ODBCVer WHEN 3 THEN -154 ELSE -9 END WHEN 'datetime' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE 11 END
  WHEN 'smalldatetime' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE 11 END WHEN 'datetime2' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE -9 END WHEN 'datetimeoffset' THEN CASE @ODBCVer WHEN 3 THEN -155 ELSE -9 END
  WHEN 'xml' THEN -152 WHEN 'sql_variant' THEN -150 ELSE -9 END) AS DATA_TYPE,
 CONVERT(sysname, t.name + CASE c.is_identity WHEN 1 THEN ' identity' ELSE '' END) AS TYPE_NAME,
 CONVERT(int, CASE WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary', 'nchar', 'nvarchar') THEN CASE c.max_length WHEN -1 THEN 0 ELSE c.max_length END ELSE c.precision END) AS PRECISION,
 CONVERT(int, CASE WHEN t.name IN ('nchar', 'nvarchar', 'char', 'varchar', 'binary', 'varbinary') THEN CASE c.max_length WHEN -1 THEN 0 ELSE c.max_length END WHEN t.name IN ('decimal', 'numeric') THEN c.precision + 2 WHEN t.name IN ('datetime', 'datetime2') THEN 16 ELSE c.max_length END) AS LENGTH,
 CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'datetime', 'datetime2', 'time', 'datetimeoffset', 'smalldatetime') THEN c.scale END) AS SCALE,
 CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney') THEN 10 WHEN t.name IN ('real', 'float') THEN 10 END) AS RADIX,
 CONVERT(smallint, c.is_nullable) AS NULLABLE, CONVERT(varchar(254), NULL) AS REMARKS,
 CONVERT(nvarchar(4000), dc.definition) AS COLUMN_DEF,
 CONVERT(smallint, CASE WHEN t.name IN ('date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN 9 ELSE CASE t.name WHEN 'bit' THEN -7 WHEN 'tinyint' THEN -6 WHEN 'smallint' THEN 5 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5
  WHEN 'decimal' THEN 3 WHEN 'numeric' THEN 2 WHEN 'money' THEN 3 WHEN 'smallmoney' THEN 3 WHEN 'real' THEN 7 WHEN 'float' THEN 6 WHEN 'char' THEN 1 WHEN 'varchar' THEN 12 WHEN 'text' THEN -1 WHEN 'nchar' THEN -8 WHEN 'nvarchar' THEN -9 WHEN 'ntext' THEN -10
  WHEN 'binary' THEN -2 WHEN 'varbinary' THEN -3 WHEN 'image' THEN -4 WHEN 'timestamp' THEN -2 WHEN 'uniqueidentifier' THEN -11 ELSE -9 END END) AS SQL_DATA_TYPE,
 CONVERT(smallint, CASE WHEN t.name = 'date' THEN 1 WHEN t.name = 'time' THEN 2 WHEN t.name IN ('datetime', 'datetime2', 'smalldatetime') THEN 3 END) AS SQL_DATETIME_SUB,
 CONVERT(int, CASE WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary', 'nchar', 'nvarchar', 'text', 'ntext', 'image') THEN CASE c.max_length WHEN -1 THEN 0 ELSE c.max_length END END) AS CHAR_OCTET_LENGTH,
 CONVERT(int, c.column_id) AS ORDINAL_POSITION, CONVERT(varchar(254), CASE c.is_nullable WHEN 1 THEN 'YES' ELSE 'NO' END) AS IS_NULLABLE,
 CONVERT(tinyint, CASE t.name WHEN 'bit' THEN CASE c.is_nullable WHEN 1 THEN 50 ELSE 50 END WHEN 'int' THEN CASE c.is_nullable WHEN 1 THEN 38 ELSE 56 END WHEN 'nvarchar' THEN 39 WHEN 'varchar' THEN 39 ELSE 0 END) AS SS_DATA_TYPE,
 CONVERT(smallint, c.is_sparse) AS SS_IS_SPARSE, CONVERT(smallint, 0) AS SS_IS_COLUMN_SET, CONVERT(smallint, c.is_computed) AS SS_IS_COMPUTED, CONVERT(smallint, c.is_identity) AS SS_IS_IDENTITY,
 CONVERT(sysname, NULL) AS SS_UDT_CATALOG_NAME, CONVERT(sysname, NULL) AS SS_UDT_SCHEMA_NAME, CONVERT(nvarchar(4000), NULL) AS SS_UDT_ASSEMBLY_TYPE_NAME,
 CONVERT(sysname, NULL) AS SS_XML_SCHEMACOLLECTION_CATALOG_NAME, CONVERT(sysname, NULL) AS SS_XML_SCHEMACOLLECTION_SCHEMA_NAME, CONVERT(sysname, NULL) AS SS_XML_SCHEMACOLLECTION_NAME
FROM sys.objects o JOIN sys.columns c ON c.object_id = o.object_id JOIN sys.types t ON t.user_type_id = c.system_type_id
 LEFT JOIN sys.default_constraints dc ON dc.parent_object_id = c.object_id AND dc.parent_column_id = c.column_id
WHERE o.type IN ('U', 'V')
 AND (@table_name IS NULL OR @fUsePattern = 1 AND o.name LIKE @table_name OR o.name = @table_name)
 AND (@table_owner IS NULL OR @fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @table_owner OR SCHEMA_NAME(o.schema_id) = @table_owner)
 AND (@column_name IS NULL OR @fUsePattern = 1 AND c.name LIKE @column_name OR c.name = @column_name)
ORDER BY 2, 3, 17
GO
CREATE PROCEDURE sp_columns @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @ODBCVer int = 2 AS
EXEC sp_columns_100 @table_name, @table_owner, @table_qualifier, @column_name, 0, @ODBCVer, 1
GO
CREATE PROCEDURE sp_columns_90 @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1 AS
EXEC sp_columns_100 @table_name, @table_owner, @table_qualifier, @column_name, 0, @ODBCVer, @fUsePattern
GO
CREATE PROCEDURE sp_columns_170 @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @NameScope int = 0, @ODBCVer int = 2, @fUsePattern bit = 1 AS
EXEC sp_columns_100 @table_name, @table_owner, @table_qualifier, @column_name, @NameScope, @ODBCVer, @fUsePattern
GO
CREATE PROCEDURE sp_pkeys @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL AS
SELECT CONVERT(sysname, DB_NAME()) AS TABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS TABLE_OWNER, CONVERT(sysname, o.name) AS TABLE_NAME,
 CONVERT(sysname, c.name) AS COLUMN_NAME, CONVERT(smallint, ic.key_ordinal) AS KEY_SEQ, CONVERT(sysname, k.name) AS PK_NAME
FROM sys.objects o JOIN sys.key_constraints k ON k.parent_object_id = o.object_id AND k.type = 'PK'
 JOIN sys.index_columns ic ON ic.object_id = o.object_id AND ic.index_id = k.unique_index_id
 JOIN sys.columns c ON c.object_id = o.object_id AND c.column_id = ic.column_id
WHERE o.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(o.schema_id) = @table_owner)
ORDER BY 1, 2, 3, 5
GO
CREATE PROCEDURE sp_fkeys @pktable_name sysname = NULL, @pktable_owner sysname = NULL, @pktable_qualifier sysname = NULL, @fktable_name sysname = NULL, @fktable_owner sysname = NULL, @fktable_qualifier sysname = NULL AS
SELECT CONVERT(sysname, DB_NAME()) AS PKTABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(p.schema_id)) AS PKTABLE_OWNER, CONVERT(sysname, p.name) AS PKTABLE_NAME,
 CONVERT(sysname, pc.name) AS PKCOLUMN_NAME, CONVERT(sysname, DB_NAME()) AS FKTABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(r.schema_id)) AS FKTABLE_OWNER,
 CONVERT(sysname, r.name) AS FKTABLE_NAME, CONVERT(sysname, rc.name) AS FKCOLUMN_NAME, CONVERT(smallint, fc.constraint_column_id) AS KEY_SEQ,
 CONVERT(smallint, CASE f.update_referential_action WHEN 0 THEN 1 WHEN 1 THEN 0 ELSE f.update_referential_action END) AS UPDATE_RULE,
 CONVERT(smallint, CASE f.delete_referential_action WHEN 0 THEN 1 WHEN 1 THEN 0 ELSE f.delete_referential_action END) AS DELETE_RULE,
 CONVERT(sysname, f.name) AS FK_NAME, CONVERT(sysname, k.name) AS PK_NAME, CONVERT(smallint, 7) AS DEFERRABILITY
FROM sys.foreign_keys f JOIN sys.objects p ON p.object_id = f.referenced_object_id JOIN sys.objects r ON r.object_id = f.parent_object_id
 JOIN sys.foreign_key_columns fc ON fc.constraint_object_id = f.object_id
 JOIN sys.columns pc ON pc.object_id = p.object_id AND pc.column_id = fc.referenced_column_id
 JOIN sys.columns rc ON rc.object_id = r.object_id AND rc.column_id = fc.parent_column_id
 LEFT JOIN sys.key_constraints k ON k.parent_object_id = p.object_id AND k.unique_index_id = f.key_index_id
WHERE (@pktable_name IS NULL OR p.name = @pktable_name) AND (@pktable_owner IS NULL OR SCHEMA_NAME(p.schema_id) = @pktable_owner)
 AND (@fktable_name IS NULL OR r.name = @fktable_name) AND (@fktable_owner IS NULL OR SCHEMA_NAME(r.schema_id) = @fktable_owner)
ORDER BY 5, 6, 7, 12, 9
GO
CREATE PROCEDURE sp_statistics @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @index_name sysname = '%', @is_unique char(1) = 'N', @accuracy char(1) = 'Q' AS
SELECT CONVERT(sysname, DB_NAME()) AS TABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS TABLE_OWNER, CONVERT(sysname, o.name) AS TABLE_NAME,
 CONVERT(smallint, NULL) AS NON_UNIQUE, CONVERT(sysname, NULL) AS INDEX_QUALIFIER, CONVERT(sysname, NULL) AS INDEX_NAME, CONVERT(smallint, 0) AS TYPE, CONVERT(smallint, NULL) AS SEQ_IN_INDEX, CONVERT(sysname, NULL) AS COLUMN_NAME,
 CONVERT(char(1), NULL) AS COLLATION, CONVERT(int, p.rows) AS CARDINALITY, CONVERT(int, NULL) AS PAGES, CONVERT(varchar(128), NULL) AS FILTER_CONDITION
FROM sys.tables o JOIN sys.partitions p ON p.object_id = o.object_id AND p.index_id IN (0, 1)
WHERE o.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(o.schema_id) = @table_owner)
UNION ALL SELECT CONVERT(sysname, DB_NAME()) AS TABLE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS TABLE_OWNER, CONVERT(sysname, o.name) AS TABLE_NAME,
 CONVERT(smallint, CASE i.is_unique WHEN 1 THEN 0 ELSE 1 END) AS NON_UNIQUE, CONVERT(sysname, o.name) AS INDEX_QUALIFIER, CONVERT(sysname, i.name) AS INDEX_NAME,
 CONVERT(smallint, CASE i.type WHEN 1 THEN 1 ELSE 3 END) AS TYPE, CONVERT(smallint, ic.key_ordinal) AS SEQ_IN_INDEX, CONVERT(sysname, c.name) AS COLUMN_NAME,
 CONVERT(char(1), CASE ic.is_descending_key WHEN 1 THEN 'D' ELSE 'A' END) AS COLLATION, CONVERT(int, NULL) AS CARDINALITY, CONVERT(int, NULL) AS PAGES, CONVERT(varchar(128), NULL) AS FILTER_CONDITION
FROM sys.objects o JOIN sys.indexes i ON i.object_id = o.object_id AND i.type IN (1, 2)
 JOIN sys.index_columns ic ON ic.object_id = o.object_id AND ic.index_id = i.index_id AND ic.key_ordinal > 0
 JOIN sys.columns c ON c.object_id = o.object_id AND c.column_id = ic.column_id
WHERE o.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(o.schema_id) = @table_owner) AND i.name LIKE @index_name AND (@is_unique <> 'Y' OR i.is_unique = 1)
ORDER BY 4, 7, 6, 8
GO
CREATE PROCEDURE sp_statistics_100 @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @index_name sysname = '%', @is_unique char(1) = 'N', @accuracy char(1) = 'Q' AS
EXEC sp_statistics @table_name, @table_owner, @table_qualifier, @index_name, @is_unique, @accuracy
GO
CREATE PROCEDURE sp_stored_procedures @sp_name nvarchar(390) = NULL, @sp_owner nvarchar(384) = NULL, @sp_qualifier sysname = NULL, @fUsePattern bit = 1 AS
SELECT CONVERT(sysname, DB_NAME()) AS PROCEDURE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS PROCEDURE_OWNER, CONVERT(nvarchar(134), o.name + ';1') AS PROCEDURE_NAME,
 CONVERT(int, -1) AS NUM_INPUT_PARAMS, CONVERT(int, -1) AS NUM_OUTPUT_PARAMS, CONVERT(int, -1) AS NUM_RESULT_SETS, CONVERT(varchar(254), NULL) AS REMARKS, CONVERT(smallint, 2) AS PROCEDURE_TYPE
FROM sys.objects o
WHERE o.type = 'P' AND (@sp_name IS NULL OR o.name LIKE @sp_name) AND (@sp_owner IS NULL OR SCHEMA_NAME(o.schema_id) LIKE @sp_owner)
ORDER BY 1, 2, 3
GO
CREATE PROCEDURE sp_help @objname nvarchar(776) = NULL AS
IF @objname IS NULL
BEGIN
 SELECT o.name AS Name, CONVERT(sysname, 'dbo') AS Owner, CONVERT(nvarchar(31), LOWER(REPLACE(o.type_desc, '_', ' '))) AS Object_type FROM sys.objects o WHERE o.parent_object_id = 0 ORDER BY 2, 3, 1
 RETURN 0
END
DECLARE @id int = OBJECT_ID(@objname)
IF @id IS NULL
BEGIN
 DECLARE @db sysname = DB_NAME()
 RAISERROR(15009, 16, 1, @objname, @db)
 RETURN 1
END
SELECT o.name AS Name, CONVERT(sysname, 'dbo') AS Owner, CONVERT(nvarchar(31), LOWER(REPLACE(o.type_desc, '_', ' '))) AS Type, o.create_date AS Created_datetime FROM sys.objects o WHERE o.object_id = @id
SELECT c.name AS Column_name, t.name AS Type, CONVERT(varchar(35), CASE c.is_computed WHEN 1 THEN 'yes' ELSE 'no' END) AS Computed, CONVERT(int, c.max_length) AS Length,
 CONVERT(char(5), CASE WHEN c.precision > 0 THEN CONVERT(varchar(5), c.precision) ELSE '' END) AS Prec, CONVERT(char(5), CASE WHEN c.precision > 0 THEN CONVERT(varchar(5), c.scale) ELSE '' END) AS Scale,
 CONVERT(varchar(35), CASE c.is_nullable WHEN 1 THEN 'yes' ELSE 'no' END) AS Nullable, CONVERT(varchar(35), 'no') AS TrimTrailingBlanks, CONVERT(varchar(35), 'no') AS FixedLenNullInSource, c.collation_name AS Collation
FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id = @id ORDER BY c.column_id
SELECT c.name AS [Identity], i.seed_value AS Seed, i.increment_value AS Increment, CONVERT(int, 0) AS [Not For Replication] FROM sys.columns c JOIN sys.identity_columns i ON i.object_id = c.object_id AND i.column_id = c.column_id WHERE c.object_id = @id
SELECT i.name AS index_name, CONVERT(varchar(210), LOWER(i.type_desc) + CASE i.is_unique WHEN 1 THEN ', unique' ELSE '' END + CASE i.is_primary_key WHEN 1 THEN ', primary key' ELSE '' END) AS index_description,
 (SELECT STRING_AGG(c.name, ', ') WITHIN GROUP (ORDER BY ic.key_ordinal) FROM sys.index_columns ic JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
  WHERE ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.key_ordinal > 0) AS index_keys
FROM sys.indexes i WHERE i.object_id = @id AND i.type > 0 ORDER BY i.index_id
GO
CREATE PROCEDURE sp_helpindex @objname nvarchar(776) AS
DECLARE @id int = OBJECT_ID(@objname)
IF @id IS NULL
BEGIN
 DECLARE @db sysname = DB_NAME()
 RAISERROR(15009, 16, 1, @objname, @db)
 RETURN 1
END
SELECT i.name AS index_name, CONVERT(varchar(210), LOWER(i.type_desc) + CASE i.is_unique WHEN 1 THEN ', unique' ELSE '' END + CASE i.is_primary_key WHEN 1 THEN ', primary key' ELSE '' END + ' located on PRIMARY') AS index_description,
 (SELECT STRING_AGG(c.name, ', ') WITHIN GROUP (ORDER BY ic.key_ordinal) FROM sys.index_columns ic JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
  WHERE ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.key_ordinal > 0) AS index_keys
FROM sys.indexes i WHERE i.object_id = @id AND i.type > 0 ORDER BY i.name
GO
CREATE PROCEDURE sp_helptext @objname nvarchar(776), @columnname sysname = NULL AS
DECLARE @text nvarchar(max) = OBJECT_DEFINITION(OBJECT_ID(@objname))
IF OBJECT_ID(@objname) IS NULL
BEGIN
 DECLARE @db sysname = DB_NAME()
 RAISERROR(15009, 16, 1, @objname, @db)
 RETURN 1
END
IF @text IS NULL
BEGIN
 RAISERROR(15197, 16, 1, @objname)
 RETURN 1
END
SELECT value AS Text FROM STRING_SPLIT(REPLACE(@text, CHAR(13), ''), CHAR(10))
GO
CREATE PROCEDURE sp_helpuser @name_in_db sysname = NULL AS
SELECT CONVERT(varchar(25), u.name) AS UserName, CONVERT(varchar(25), ISNULL(r.name, 'public')) AS RoleName, CONVERT(varchar(25), SUSER_SNAME(u.sid)) AS LoginName, CONVERT(varchar(25), NULL) AS DefDBName,
 CONVERT(varchar(25), u.default_schema_name) AS DefSchemaName, CONVERT(char(10), u.principal_id) AS UserID, u.sid AS SID
FROM sys.database_principals u LEFT JOIN sys.database_role_members m ON m.member_principal_id = u.principal_id LEFT JOIN sys.database_principals r ON r.principal_id = m.role_principal_id
WHERE u.type IN ('S', 'U', 'C', 'K') AND (@name_in_db IS NULL OR u.name = @name_in_db) ORDER BY 1
GO
CREATE PROCEDURE sp_helprole @rolename sysname = NULL AS
SELECT name AS RoleName, CONVERT(smallint, principal_id) AS RoleId, CONVERT(int, 0) AS IsAppRole FROM sys.database_principals WHERE type = 'R' AND (@rolename IS NULL OR name = @rolename) ORDER BY 1
GO
CREATE PROCEDURE sp_helpsrvrole @srvrolename sysname = NULL AS
SELECT CONVERT(varchar(35), name) AS ServerRole, CONVERT(varchar(35), name) AS Description FROM sys.server_principals WHERE type = 'R' AND is_fixed_role = 1 AND (@srvrolename IS NULL OR name = @srvrolename)
GO
CREATE PROCEDURE sp_helpsrvrolemember @srvrolename sysname = NULL AS
SELECT r.name AS ServerRole, p.name AS MemberName, p.sid AS MemberSID FROM sys.server_role_members m JOIN sys.server_principals r ON r.principal_id = m.role_principal_id JOIN sys.server_principals p ON p.principal_id = m.member_principal_id
WHERE @srvrolename IS NULL OR r.name = @srvrolename ORDER BY 1, 2
GO
CREATE PROCEDURE sp_helprolemember @rolename sysname = NULL AS
SELECT r.name AS DbRole, p.name AS MemberName, p.sid AS MemberSID FROM sys.database_role_members m JOIN sys.database_principals r ON r.principal_id = m.role_principal_id JOIN sys.database_principals p ON p.principal_id = m.member_principal_id
WHERE @rolename IS NULL OR r.name = @rolename ORDER BY 1, 2
GO
CREATE PROCEDURE sp_helplogins @LoginNamePattern sysname = NULL AS
SELECT name AS LoginName, sid AS SID, default_database_name AS DefDBName, default_language_name AS DefLangName, CONVERT(char(5), 'no') AS AUser, CONVERT(char(7), 'no') AS ARemote
FROM sys.server_principals WHERE type IN ('S', 'U', 'C', 'K') AND (@LoginNamePattern IS NULL OR name = @LoginNamePattern) ORDER BY 1
GO
CREATE PROCEDURE sp_spaceused @objname nvarchar(776) = NULL, @updateusage varchar(5) = 'false' AS
IF @objname IS NULL
BEGIN
 SELECT DB_NAME() AS database_name, CONVERT(varchar(18), NULL) AS database_size, CONVERT(varchar(18), NULL) AS [unallocated space]
 RETURN 0
END
IF OBJECT_ID(@objname) IS NULL
BEGIN
 DECLARE @db sysname = DB_NAME()
 RAISERROR(15009, 16, 1, @objname, @db)
 RETURN 1
END
SELECT o.name AS name, CONVERT(char(20), p.rows) AS rows, CONVERT(varchar(18), NULL) AS reserved, CONVERT(varchar(18), NULL) AS data, CONVERT(varchar(18), NULL) AS index_size, CONVERT(varchar(18), NULL) AS unused
FROM sys.objects o JOIN sys.partitions p ON p.object_id = o.object_id AND p.index_id IN (0, 1) WHERE o.object_id = OBJECT_ID(@objname)
GO
CREATE PROCEDURE sp_server_info @attribute_id int = NULL AS
SELECT attribute_id, attribute_name, attribute_value FROM (VALUES (1, 'DBMS_NAME', 'Microsoft SQL Server'), (2, 'DBMS_VER', 'Microsoft SQL Server 2022 - ' + CONVERT(varchar(200), SERVERPROPERTY('ProductVersion'))), (10, 'OWNER_TERM', 'owner'),
 (11, 'TABLE_TERM', 'table'), (12, 'MAX_OWNER_NAME_LENGTH', '128'), (13, 'TABLE_LENGTH', '128'), (14, 'MAX_QUAL_LENGTH', '128'), (15, 'COLUMN_LENGTH', '128'), (16, 'IDENTIFIER_CASE', 'MIXED'), (17, 'TX_ISOLATION', '2'),
 (18, 'COLLATION_SEQ', 'charset=iso_1 sort_order=nocase_iso charset_num=1 sort_order_num=52'), (19, 'SAVEPOINT_SUPPORT', 'Y'), (20, 'MULTI_RESULT_SETS', 'Y'), (22, 'ACCESSIBLE_TABLES', 'Y')) AS v (attribute_id, attribute_name, attribute_value)
WHERE @attribute_id IS NULL OR attribute_id = @attribute_id ORDER BY attribute_id
GO
CREATE PROCEDURE sp_datatype_info_100 @data_type int = 0, @ODBCVer tinyint = 2 AS
SELECT CONVERT(sysname, t.name) AS TYPE_NAME, CONVERT(smallint, CASE @ODBCVer WHEN 3 THEN d.odbc3 ELSE d.odbc2 END) AS DATA_TYPE,
 CONVERT(int, CASE WHEN t.name IN ('text', 'image') THEN 2147483647 WHEN t.name = 'ntext' THEN 1073741823 WHEN t.name = 'sysname' THEN 128 WHEN t.name IN ('nchar', 'nvarchar') THEN 4000 WHEN t.name = 'uniqueidentifier' THEN 36 WHEN t.name = 'xml' THEN 0 WHEN t.precision > 0 THEN t.precision ELSE t.max_length END) AS PRECISION,
 CONVERT(varchar(32), CASE WHEN t.name IN ('nchar', 'nvarchar', 'ntext', 'sysname') THEN 'N''' WHEN t.name IN ('char', 'varchar', 'text', 'uniqueidentifier', 'date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN '''' WHEN t.name IN ('binary', 'varbinary', 'image', 'timestamp') THEN '0x' WHEN t.name IN ('money', 'smallmoney') THEN '$' END) AS LITERAL_PREFIX,
 CONVERT(varchar(32), CASE WHEN t.collation_name IS NOT NULL OR t.name IN ('uniqueidentifier', 'date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN '''' END) AS LITERAL_SUFFIX,
 CONVERT(varchar(32), CASE WHEN t.name IN ('decimal', 'numeric') THEN 'precision,scale' WHEN t.name IN ('char', 'nchar', 'binary') THEN 'length' WHEN t.name IN ('varchar', 'nvarchar', 'varbinary') THEN 'max length' WHEN t.name IN ('time', 'datetime2', 'datetimeoffset') THEN 'scale' END) AS CREATE_PARAMS,
 CONVERT(smallint, CASE WHEN t.name IN ('sysname', 'timestamp') THEN 0 ELSE 1 END) AS NULLABLE, CONVERT(smallint, 0) AS CASE_SENSITIVE,
 CONVERT(smallint, CASE WHEN t.name IN ('text', 'ntext') THEN 1 WHEN t.name IN ('image', 'xml') THEN 0 WHEN t.name IN ('char', 'varchar', 'nchar', 'nvarchar', 'sysname', 'date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN 3 ELSE 2 END) AS SEARCHABLE,
 CONVERT(smallint, CASE WHEN t.name = 'tinyint' THEN 1 WHEN t.name IN ('smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'real', 'float') THEN 0 END) AS UNSIGNED_ATTRIBUTE,
 CONVERT(smallint, CASE WHEN t.name IN ('money', 'smallmoney') THEN 1 ELSE 0 END) AS MONEY, CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'real', 'float') THEN 0 END) AS AUTO_INCREMENT,
 CONVERT(sysname, t.name) AS LOCAL_TYPE_NAME, CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'time', 'datetime2', 'datetimeoffset', 'smalldatetime') THEN 0 WHEN t.name IN ('money', 'smallmoney') THEN 4 WHEN t.name = 'datetime' THEN 3 END) AS MINIMUM_SCALE,
 CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'smalldatetime') THEN 0 WHEN t.name IN ('decimal', 'numeric') THEN 38 WHEN t.name IN ('money', 'smallmoney') THEN 4 WHEN t.name IN ('time', 'datetime2', 'datetimeoffset') THEN 7 WHEN t.name = 'datetime' THEN 3 END) AS MAXIMUM_SCALE,
 CONVERT(smallint, CASE WHEN t.name IN ('date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN 9 ELSE d.odbc3 END) AS SQL_DATA_TYPE,
 CONVERT(smallint, CASE WHEN t.name = 'date' THEN 1 WHEN t.name = 'time' THEN 2 WHEN t.name IN ('datetime', 'datetime2', 'smalldatetime') THEN 3 END) AS SQL_DATETIME_SUB,
 CONVERT(int, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney') THEN 10 WHEN t.name IN ('real', 'float') THEN 2 END) AS NUM_PREC_RADIX, CONVERT(smallint, NULL) AS INTERVAL_PRECISION, CONVERT(smallint, 0) AS USERTYPE
FROM sys.types t JOIN ODBC_TYPES d (name, odbc2, odbc3, net) ON d.name = t.name
WHERE t.is_user_defined = 0 AND (@data_type = 0 OR @data_type = CASE @ODBCVer WHEN 3 THEN d.odbc3 ELSE d.odbc2 END) ORDER BY 2, 1
GO
CREATE PROCEDURE sp_special_columns_100 @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @col_type char(1) = 'R', @scope char(1) = 'T', @nullable char(1) = 'U', @ODBCVer int = 2 AS
SELECT CONVERT(smallint, CASE @col_type WHEN 'R' THEN 1 END) AS SCOPE, CONVERT(sysname, c.name) AS COLUMN_NAME,
 CONVERT(smallint, CASE t.name WHEN 'bit' THEN -7 WHEN 'tinyint' THEN -6 WHEN 'smallint' THEN 5 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5 WHEN 'decimal' THEN 3 WHEN 'numeric' THEN 2
  WHEN 'money' THEN 3 WHEN 'smallmoney' THEN 3 WHEN 'real' THEN 7 WHEN 'float' THEN 6 WHEN 'char' THEN 1 WHEN 'varchar' THEN 12 WHEN 'text' THEN -1 WHEN 'nchar' THEN -8
  WHEN 'nvarchar' THEN -9 WHEN 'ntext' THEN -10 WHEN 'binary' THEN -2 WHEN 'varbinary' THEN -3 WHEN 'image' THEN -4 WHEN 'timestamp' THEN -2 WHEN 'uniqueidentifier' THEN -11
  WHEN 'date' THEN CASE @ODBCVer WHEN 3 THEN 91 ELSE -9 END WHEN 'time' THEN CASE @ODBCVer WHEN 3 THEN -154 ELSE -9 END WHEN 'datetime' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE 11 END
  WHEN 'smalldatetime' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE 11 END WHEN 'datetime2' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE -9 END WHEN 'datetimeoffset' THEN CASE @ODBCVer WHEN 3 THEN -155 ELSE -9 END
  WHEN 'xml' THEN -152 WHEN 'sql_variant' THEN -150 ELSE -9 END) AS DATA_TYPE,
 CONVERT(sysname, TYPE_NAME(c.user_type_id) + CASE c.is_identity WHEN 1 THEN ' identity' ELSE '' END) AS TYPE_NAME,
 CONVERT(int, CASE WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary', 'nchar', 'nvarchar') THEN CASE c.max_length WHEN -1 THEN 0 ELSE c.max_length END ELSE c.precision END) AS PRECISION,
 CONVERT(int, CASE WHEN t.name IN ('nchar', 'nvarchar', 'char', 'varchar', 'binary', 'varbinary') THEN CASE c.max_length WHEN -1 THEN 0 ELSE c.max_length END WHEN t.name IN ('decimal', 'numeric') THEN c.precision + 2 WHEN t.name IN ('datetime', 'datetime2') THEN 16 ELSE c.max_length END) AS LENGTH,
 CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'datetime', 'datetime2', 'time', 'datetimeoffset', 'smalldatetime') THEN c.scale END) AS SCALE,
 CONVERT(smallint, 1) AS PSEUDO_COLUMN
FROM sys.objects o JOIN sys.columns c ON c.object_id = o.object_id JOIN sys.types t ON t.user_type_id = c.system_type_id
 LEFT JOIN sys.key_constraints k ON k.parent_object_id = o.object_id AND k.type = 'PK' LEFT JOIN sys.index_columns ic ON ic.object_id = o.object_id AND ic.index_id = k.unique_index_id AND ic.column_id = c.column_id
WHERE (@col_type = 'R' AND ic.key_ordinal > 0 OR @col_type = 'V' AND t.name = 'timestamp') AND o.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(o.schema_id) = @table_owner) ORDER BY ic.key_ordinal
GO
CREATE PROCEDURE sp_sproc_columns_100 @procedure_name nvarchar(390) = '%', @procedure_owner nvarchar(384) = NULL, @procedure_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1 AS
SELECT CONVERT(sysname, DB_NAME()) AS PROCEDURE_QUALIFIER, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS PROCEDURE_OWNER, CONVERT(nvarchar(134), o.name + ';1') AS PROCEDURE_NAME, CONVERT(sysname, p.name) AS COLUMN_NAME,
 CONVERT(smallint, p.kind) AS COLUMN_TYPE,
 CONVERT(smallint, CASE t.name WHEN 'bit' THEN -7 WHEN 'tinyint' THEN -6 WHEN 'smallint' THEN 5 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5 WHEN 'decimal' THEN 3 WHEN 'numeric' THEN 2
  WHEN 'money' THEN 3 WHEN 'smallmoney' THEN 3 WHEN 'real' THEN 7 WHEN 'float' THEN 6 WHEN 'char' THEN 1 WHEN 'varchar' THEN 12 WHEN 'text' THEN -1 WHEN 'nchar' THEN -8
  WHEN 'nvarchar' THEN -9 WHEN 'ntext' THEN -10 WHEN 'binary' THEN -2 WHEN 'varbinary' THEN -3 WHEN 'image' THEN -4 WHEN 'timestamp' THEN -2 WHEN 'uniqueidentifier' THEN -11
  WHEN 'date' THEN CASE @ODBCVer WHEN 3 THEN 91 ELSE -9 END WHEN 'time' THEN CASE @ODBCVer WHEN 3 THEN -154 ELSE -9 END WHEN 'datetime' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE 11 END
  WHEN 'smalldatetime' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE 11 END WHEN 'datetime2' THEN CASE @ODBCVer WHEN 3 THEN 93 ELSE -9 END WHEN 'datetimeoffset' THEN CASE @ODBCVer WHEN 3 THEN -155 ELSE -9 END
  WHEN 'xml' THEN -152 WHEN 'sql_variant' THEN -150 ELSE -9 END) AS DATA_TYPE,
 CONVERT(sysname, TYPE_NAME(p.user_type_id)) AS TYPE_NAME,
 CONVERT(int, CASE WHEN t.name IN ('nchar', 'nvarchar') AND p.max_length > 0 THEN p.max_length / 2 WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary', 'nchar', 'nvarchar') THEN CASE p.max_length WHEN -1 THEN 0 ELSE p.max_length END ELSE p.precision END) AS PRECISION,
 CONVERT(int, CASE WHEN t.name IN ('nchar', 'nvarchar', 'char', 'varchar', 'binary', 'varbinary') THEN CASE p.max_length WHEN -1 THEN 0 ELSE p.max_length END WHEN t.name IN ('decimal', 'numeric') THEN p.precision + 2 WHEN t.name IN ('datetime', 'datetime2') THEN 16 ELSE p.max_length END) AS LENGTH,
 CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'datetime', 'datetime2', 'time', 'datetimeoffset', 'smalldatetime') THEN p.scale END) AS SCALE,
 CONVERT(smallint, CASE WHEN t.name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'real', 'float') THEN 10 END) AS RADIX,
 CONVERT(smallint, CASE p.kind WHEN 5 THEN 0 ELSE 1 END) AS NULLABLE, CONVERT(varchar(254), NULL) AS REMARKS, CONVERT(nvarchar(4000), NULL) AS COLUMN_DEF,
 CONVERT(smallint, CASE WHEN t.name IN ('date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN 9 ELSE CASE t.name WHEN 'bit' THEN -7 WHEN 'tinyint' THEN -6 WHEN 'smallint' THEN 5 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5
  WHEN 'decimal' THEN 3 WHEN 'numeric' THEN 2 WHEN 'money' THEN 3 WHEN 'smallmoney' THEN 3 WHEN 'real' THEN 7 WHEN 'float' THEN 6 WHEN 'char' THEN 1 WHEN 'varchar' THEN 12 WHEN 'text' THEN -1 WHEN 'nchar' THEN -8 WHEN 'nvarchar' THEN -9 WHEN 'ntext' THEN -10
  WHEN 'binary' THEN -2 WHEN 'varbinary' THEN -3 WHEN 'image' THEN -4 WHEN 'timestamp' THEN -2 WHEN 'uniqueidentifier' THEN -11 ELSE -9 END END) AS SQL_DATA_TYPE,
 CONVERT(smallint, CASE WHEN t.name = 'date' THEN 1 WHEN t.name = 'time' THEN 2 WHEN t.name IN ('datetime', 'datetime2', 'smalldatetime') THEN 3 END) AS SQL_DATETIME_SUB,
 CONVERT(int, CASE WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary', 'nchar', 'nvarchar', 'text', 'ntext', 'image') THEN CASE p.max_length WHEN -1 THEN 0 ELSE p.max_length END END) AS CHAR_OCTET_LENGTH,
 CONVERT(int, p.parameter_id) AS ORDINAL_POSITION, CONVERT(varchar(254), CASE p.kind WHEN 5 THEN 'NO' ELSE 'YES' END) AS IS_NULLABLE,
 CONVERT(tinyint, CASE t.name WHEN 'bit' THEN 50 WHEN 'int' THEN CASE p.kind WHEN 5 THEN 56 ELSE 38 END WHEN 'nvarchar' THEN 39 WHEN 'varchar' THEN 39 ELSE 0 END) AS SS_DATA_TYPE
FROM sys.objects o JOIN (SELECT object_id, name, parameter_id, system_type_id, user_type_id, max_length, precision, scale, CASE is_output WHEN 1 THEN 2 ELSE 1 END AS kind FROM sys.parameters WHERE parameter_id > 0
  UNION ALL SELECT object_id, '@RETURN_VALUE', 0, 56, 56, 4, 10, 0, 5 FROM sys.procedures) AS p ON p.object_id = o.object_id JOIN sys.types t ON t.user_type_id = p.system_type_id
WHERE (@fUsePattern = 1 AND o.name LIKE @procedure_name OR o.name = @procedure_name) AND (@procedure_owner IS NULL OR @fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @procedure_owner OR SCHEMA_NAME(o.schema_id) = @procedure_owner)
 AND (@column_name IS NULL OR @fUsePattern = 1 AND p.name LIKE @column_name OR p.name = @column_name) ORDER BY 1, 2, 3, 18
GO
CREATE PROCEDURE sp_sproc_columns @procedure_name nvarchar(390) = '%', @procedure_owner nvarchar(384) = NULL, @procedure_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1 AS
EXEC sp_sproc_columns_100 @procedure_name, @procedure_owner, @procedure_qualifier, @column_name, @ODBCVer, @fUsePattern
GO
CREATE PROCEDURE sp_special_columns @table_name sysname, @table_owner sysname = NULL, @qualifier sysname = NULL, @col_type char(1) = 'R', @scope char(1) = 'T', @nullable char(1) = 'U', @ODBCVer int = 2 AS
EXEC sp_special_columns_100 @table_name, @table_owner, @qualifier, @col_type, @scope, @nullable, @ODBCVer
GO
CREATE PROCEDURE sp_delete_backuphistory @oldest_date datetime AS
IF ISNULL(IS_SRVROLEMEMBER(N'sysadmin'), 0) <> 1
BEGIN
 RAISERROR(15247, 16, 1)
 RETURN 1
END
SET NOCOUNT ON
SET XACT_ABORT ON
DECLARE @old TABLE (id int NOT NULL PRIMARY KEY)
INSERT INTO @old SELECT backup_set_id FROM msdb.dbo.backupset WHERE backup_finish_date < @oldest_date
BEGIN TRANSACTION
DELETE FROM msdb.dbo.restorefile WHERE restore_history_id IN (SELECT h.restore_history_id FROM msdb.dbo.restorehistory h WHERE h.backup_set_id IN (SELECT id FROM @old))
DELETE FROM msdb.dbo.restorehistory WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.latchkey_backupkey WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.backupfile WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.backupset WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.backupmediafamily WHERE media_set_id NOT IN (SELECT s.media_set_id FROM msdb.dbo.backupset s)
DELETE FROM msdb.dbo.backupmediaset WHERE media_set_id NOT IN (SELECT s.media_set_id FROM msdb.dbo.backupset s)
COMMIT
GO
CREATE PROCEDURE sp_delete_database_backuphistory @database_name sysname AS
IF ISNULL(IS_SRVROLEMEMBER(N'sysadmin'), 0) <> 1
BEGIN
 RAISERROR(15247, 16, 1)
 RETURN 1
END
SET NOCOUNT ON
SET XACT_ABORT ON
DECLARE @old TABLE (id int NOT NULL PRIMARY KEY)
INSERT INTO @old SELECT backup_set_id FROM msdb.dbo.backupset WHERE database_name = @database_name
BEGIN TRANSACTION
DELETE FROM msdb.dbo.restorefile WHERE restore_history_id IN (SELECT h.restore_history_id FROM msdb.dbo.restorehistory h WHERE h.backup_set_id IN (SELECT id FROM @old))
DELETE FROM msdb.dbo.restorehistory WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.latchkey_backupkey WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.backupfile WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.backupset WHERE backup_set_id IN (SELECT id FROM @old)
DELETE FROM msdb.dbo.backupmediafamily WHERE media_set_id NOT IN (SELECT s.media_set_id FROM msdb.dbo.backupset s)
DELETE FROM msdb.dbo.backupmediaset WHERE media_set_id NOT IN (SELECT s.media_set_id FROM msdb.dbo.backupset s)
COMMIT
GO
CREATE PROCEDURE sp_special_columns_90 @table_name sysname, @table_owner sysname = NULL, @qualifier sysname = NULL, @col_type char(1) = 'R', @scope char(1) = 'T', @nullable char(1) = 'U', @ODBCVer int = 2 AS
EXEC sp_special_columns_100 @table_name, @table_owner, @qualifier, @col_type, @scope, @nullable, @ODBCVer
GO
CREATE PROCEDURE sp_datatype_info @data_type int = 0, @ODBCVer tinyint = 2 AS
EXEC sp_datatype_info_100 @data_type, @ODBCVer
GO
CREATE PROCEDURE sp_datatype_info_90 @data_type int = 0, @ODBCVer tinyint = 2 AS
EXEC sp_datatype_info_100 @data_type, @ODBCVer
GO
CREATE PROCEDURE sp_helpfile @filename sysname = NULL AS
SELECT name, CONVERT(smallint, file_id) AS fileid, CONVERT(nchar(260), physical_name) AS filename, CONVERT(sysname, CASE type WHEN 0 THEN 'PRIMARY' END) AS filegroup,
 CONVERT(nvarchar(18), CONVERT(bigint, size) * 8) + N' KB' AS size, CONVERT(nvarchar(18), CASE WHEN max_size < 0 THEN N'Unlimited' ELSE CONVERT(nvarchar(15), CONVERT(bigint, max_size) * 8) + N' KB' END) AS maxsize,
 CONVERT(nvarchar(18), CASE is_percent_growth WHEN 1 THEN CONVERT(nvarchar(15), growth) + N'%' ELSE CONVERT(nvarchar(15), CONVERT(bigint, growth) * 8) + N' KB' END) AS growth, CONVERT(varchar(9), CASE type WHEN 1 THEN 'log only' ELSE 'data only' END) AS usage
FROM sys.database_files WHERE @filename IS NULL OR name = @filename ORDER BY file_id
GO
CREATE PROCEDURE sp_helplanguage @language sysname = NULL AS
SELECT * FROM sys.syslanguages WHERE @language IS NULL OR name = @language OR alias = @language
GO
CREATE PROCEDURE sp_linkedservers AS
SELECT CONVERT(sysname, SERVERPROPERTY('ServerName')) AS SRV_NAME, CONVERT(nvarchar(128), N'SQLNCLI') AS SRV_PROVIDERNAME, CONVERT(nvarchar(128), N'SQL Server') AS SRV_PRODUCT, CONVERT(nvarchar(4000), SERVERPROPERTY('ServerName')) AS SRV_DATASOURCE,
 CONVERT(nvarchar(4000), NULL) AS SRV_PROVIDERSTRING, CONVERT(nvarchar(4000), NULL) AS SRV_LOCATION, CONVERT(sysname, NULL) AS SRV_CAT
GO
CREATE PROCEDURE sp_helpconstraint @objname nvarchar(776), @nomsg varchar(5) = 'msg' AS
DECLARE @id int = OBJECT_ID(@objname)
IF @id IS NULL
BEGIN
 DECLARE @db sysname = DB_NAME()
 RAISERROR(15009, 16, 1, @objname, @db)
 RETURN 1
END
IF @nomsg <> 'nomsg' SELECT @objname AS [Object Name]
SELECT CONVERT(nvarchar(146), CASE k.type WHEN 'PK' THEN N'PRIMARY KEY ' ELSE N'UNIQUE ' END + CASE i.type WHEN 1 THEN N'(clustered)' ELSE N'(non-clustered)' END) AS constraint_type, k.name AS constraint_name,
  CONVERT(nvarchar(9), N'(n/a)') AS delete_action, CONVERT(nvarchar(9), N'(n/a)') AS update_action, CONVERT(varchar(8), '(n/a)') AS status_enabled, CONVERT(varchar(19), '(n/a)') AS status_for_replication,
  CONVERT(nvarchar(2126), (SELECT STRING_AGG(c.name, ', ') WITHIN GROUP (ORDER BY ic.key_ordinal) FROM sys.index_columns ic JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
   WHERE ic.object_id = k.parent_object_id AND ic.index_id = k.unique_index_id AND ic.key_ordinal > 0)) AS constraint_keys
 FROM sys.key_constraints k JOIN sys.indexes i ON i.object_id = k.parent_object_id AND i.index_id = k.unique_index_id WHERE k.parent_object_id = @id
UNION ALL SELECT N'FOREIGN KEY', f.name, REPLACE(LOWER(f.delete_referential_action_desc), '_', ' '), REPLACE(LOWER(f.update_referential_action_desc), '_', ' '), CASE f.is_disabled WHEN 1 THEN 'Disabled' ELSE 'Enabled' END, 'Is_For_Replication',
  (SELECT STRING_AGG(COL_NAME(fc.parent_object_id, fc.parent_column_id), ', ') WITHIN GROUP (ORDER BY fc.constraint_column_id) FROM sys.foreign_key_columns fc WHERE fc.constraint_object_id = f.object_id)
  + N' REFERENCES ' + DB_NAME() + N'.' + OBJECT_SCHEMA_NAME(f.referenced_object_id) + N'.' + OBJECT_NAME(f.referenced_object_id) + N' ('
  + (SELECT STRING_AGG(COL_NAME(fc.referenced_object_id, fc.referenced_column_id), ', ') WITHIN GROUP (ORDER BY fc.constraint_column_id) FROM sys.foreign_key_columns fc WHERE fc.constraint_object_id = f.object_id) + N')'
 FROM sys.foreign_keys f WHERE f.parent_object_id = @id
UNION ALL SELECT CASE ch.parent_column_id WHEN 0 THEN N'CHECK Table Level ' ELSE N'CHECK on column ' + COL_NAME(@id, ch.parent_column_id) END, ch.name, N'(n/a)', N'(n/a)', CASE ch.is_disabled WHEN 1 THEN 'Disabled' ELSE 'Enabled' END, 'Is_For_Replication', CONVERT(nvarchar(2126), ch.definition)
 FROM sys.check_constraints ch WHERE ch.parent_object_id = @id
UNION ALL SELECT N'DEFAULT on column ' + COL_NAME(@id, dc.parent_column_id), dc.name, N'(n/a)', N'(n/a)', '(n/a)', '(n/a)', CONVERT(nvarchar(2126), dc.definition) FROM sys.default_constraints dc WHERE dc.parent_object_id = @id
ORDER BY 1, 2
SELECT CONVERT(nvarchar(516), DB_NAME() + N'.' + OBJECT_SCHEMA_NAME(f.parent_object_id) + N'.' + OBJECT_NAME(f.parent_object_id) + N': ' + f.name) AS [Table is referenced by foreign key] FROM sys.foreign_keys f WHERE f.referenced_object_id = @id ORDER BY 1
GO
CREATE PROCEDURE sp_sproc_columns_90 @procedure_name nvarchar(390) = '%', @procedure_owner nvarchar(384) = NULL, @procedure_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1 AS
EXEC sp_sproc_columns_100 @procedure_name, @procedure_owner, @procedure_qualifier, @column_name, @ODBCVer, @fUsePattern
GO
CREATE PROCEDURE sp_sproc_columns_170 @procedure_name nvarchar(390) = '%', @procedure_owner nvarchar(384) = NULL, @procedure_qualifier sysname = NULL, @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1 AS
EXEC sp_sproc_columns_100 @procedure_name, @procedure_owner, @procedure_qualifier, @column_name, @ODBCVer, @fUsePattern
GO
CREATE PROCEDURE sp_procedure_params_100_managed @procedure_name sysname, @group_number int = 1, @procedure_schema sysname = NULL, @parameter_name sysname = NULL AS
SELECT CONVERT(sysname, DB_NAME()) AS PROCEDURE_CATALOG, CONVERT(sysname, SCHEMA_NAME(o.schema_id)) AS PROCEDURE_SCHEMA, CONVERT(sysname, o.name) AS PROCEDURE_NAME, CONVERT(sysname, p.name) AS PARAMETER_NAME,
 CONVERT(smallint, p.parameter_id) AS ORDINAL_POSITION, CONVERT(smallint, p.kind) AS PARAMETER_TYPE, CONVERT(smallint, CASE p.type WHEN 'table type' THEN 30 ELSE d.net END) AS MANAGED_DATA_TYPE,
 CONVERT(int, CASE WHEN p.max_length = -1 THEN 0 WHEN p.type IN ('nchar', 'nvarchar') THEN p.max_length / 2 WHEN p.type IN ('char', 'varchar', 'binary', 'varbinary') THEN p.max_length END) AS CHARACTER_MAXIMUM_LENGTH,
 CONVERT(smallint, CASE WHEN p.type IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'money', 'smallmoney', 'real', 'float') THEN p.precision END) AS NUMERIC_PRECISION,
 CONVERT(smallint, CASE WHEN p.type IN ('decimal', 'numeric') THEN p.scale END) AS NUMERIC_SCALE,
 CONVERT(sysname, CASE p.type WHEN 'table type' THEN DB_NAME() END) AS TYPE_CATALOG_NAME, CONVERT(sysname, CASE p.type WHEN 'table type' THEN SCHEMA_NAME(t.schema_id) END) AS TYPE_SCHEMA_NAME,
 CONVERT(sysname, ISNULL(t.name, p.type)) AS TYPE_NAME, CONVERT(sysname, NULL) AS XML_CATALOGNAME, CONVERT(sysname, NULL) AS XML_SCHEMANAME, CONVERT(sysname, NULL) AS XML_SCHEMACOLLECTIONNAME,
 CONVERT(int, CASE WHEN p.type IN ('time', 'datetime2', 'datetimeoffset') THEN p.scale END) AS SS_DATETIME_PRECISION
FROM sys.objects o JOIN (
  SELECT object_id, name, parameter_id, CASE is_output WHEN 1 THEN 2 ELSE 1 END AS kind, TYPE_NAME(system_type_id) AS type, user_type_id, CONVERT(int, max_length) AS max_length, CONVERT(int, precision) AS precision, CONVERT(int, scale) AS scale FROM sys.parameters WHERE parameter_id > 0
  UNION ALL SELECT object_id, '@RETURN_VALUE', 0, 4, 'int', 56, 4, 10, 0 FROM sys.procedures) p ON p.object_id = o.object_id
 LEFT JOIN sys.types t ON t.user_type_id = p.user_type_id LEFT JOIN ODBC_TYPES d (name, odbc2, odbc3, net) ON d.name = p.type
WHERE o.name = @procedure_name AND (@procedure_schema IS NULL OR SCHEMA_NAME(o.schema_id) = @procedure_schema) AND (@parameter_name IS NULL OR p.name = @parameter_name)
ORDER BY 2, 3, 5
GO
CREATE PROCEDURE sp_procedure_params_managed @procedure_name sysname, @group_number int = 1, @procedure_schema sysname = NULL, @parameter_name sysname = NULL AS
EXEC sp_procedure_params_100_managed @procedure_name, @group_number, @procedure_schema, @parameter_name
GO
CREATE PROCEDURE sp_tablecollations_100 @object nvarchar(4000) AS
DECLARE @id int = OBJECT_ID(CASE WHEN LEFT(@object, 1) = '.' THEN STUFF(@object, 1, 1, '') ELSE @object END)
SELECT CONVERT(int, column_id) AS colid, name, CONVERT(binary(5), CASE collation_name WHEN 'SQL_Latin1_General_CP1_CI_AS' THEN 0x0904D00034 END) AS tds_collation, CONVERT(sysname, collation_name) AS collation
FROM sys.columns WHERE object_id = @id ORDER BY column_id
GO
CREATE PROCEDURE sp_tablecollations_90 @object nvarchar(4000) AS
EXEC sp_tablecollations_100 @object
GO
CREATE PROCEDURE sp_MSforeachtable @command1 nvarchar(2000), @replacechar nchar(1) = N'?', @command2 nvarchar(2000) = NULL, @command3 nvarchar(2000) = NULL, @whereand nvarchar(2000) = NULL, @precommand nvarchar(2000) = NULL, @postcommand nvarchar(2000) = NULL AS
SET NOCOUNT ON
IF @precommand IS NOT NULL EXEC (@precommand)
CREATE TABLE #foreach (n int IDENTITY PRIMARY KEY, name nvarchar(600))
DECLARE @q nvarchar(max) = N'SELECT QUOTENAME(SCHEMA_NAME(syso.schema_id)) + N''.'' + QUOTENAME(syso.name) FROM dbo.sysobjects o JOIN sys.all_objects syso ON o.id = syso.object_id WHERE OBJECTPROPERTY(o.id, N''IsUserTable'') = 1 ' + ISNULL(@whereand, N'')
INSERT #foreach (name) EXEC (@q)
SET NOCOUNT OFF
DECLARE @name nvarchar(600), @text nvarchar(max), @n int
DECLARE names CURSOR LOCAL STATIC FOR SELECT name FROM #foreach ORDER BY n
OPEN names
FETCH NEXT FROM names INTO @name
WHILE @@FETCH_STATUS = 0
BEGIN
 SET @n = 1
 WHILE @n <= 3
 BEGIN
  SET @text = REPLACE(CASE @n WHEN 1 THEN @command1 WHEN 2 THEN @command2 ELSE @command3 END, @replacechar, @name)
  IF @text IS NOT NULL EXEC (@text)
  SET @n = @n + 1
 END
 FETCH NEXT FROM names INTO @name
END
CLOSE names
DEALLOCATE names
IF @postcommand IS NOT NULL EXEC (@postcommand)
GO
CREATE PROCEDURE sp_MSforeachdb @command1 nvarchar(2000), @replacechar nchar(1) = N'?', @command2 nvarchar(2000) = NULL, @command3 nvarchar(2000) = NULL, @precommand nvarchar(2000) = NULL, @postcommand nvarchar(2000) = NULL AS
SET NOCOUNT ON
IF @precommand IS NOT NULL EXEC (@precommand)
CREATE TABLE #foreach (n int IDENTITY PRIMARY KEY, name nvarchar(600))
INSERT #foreach (name) SELECT name FROM sys.databases WHERE state = 0 AND HAS_DBACCESS(name) = 1 ORDER BY database_id
SET NOCOUNT OFF
DECLARE @name nvarchar(600), @text nvarchar(max), @n int
DECLARE names CURSOR LOCAL STATIC FOR SELECT name FROM #foreach ORDER BY n
OPEN names
FETCH NEXT FROM names INTO @name
WHILE @@FETCH_STATUS = 0
BEGIN
 SET @n = 1
 WHILE @n <= 3
 BEGIN
  SET @text = REPLACE(CASE @n WHEN 1 THEN @command1 WHEN 2 THEN @command2 ELSE @command3 END, @replacechar, @name)
  IF @text IS NOT NULL EXEC (@text)
  SET @n = @n + 1
 END
 FETCH NEXT FROM names INTO @name
END
CLOSE names
DEALLOCATE names
IF @postcommand IS NOT NULL EXEC (@postcommand)
GO
