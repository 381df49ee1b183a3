IF OBJECT_ID(N'dbo.t', N'U') IS NOT NULL DROP TABLE dbo.t
GO
IF (1 = FULLTEXTSERVICEPROPERTY('IsFullTextInstalled'))
begin
EXEC [d].[dbo].[sp_fulltext_database] @action = 'enable'
end
GO
EXEC dbo.sp_executesql @statement = N'CREATE VIEW v AS SELECT 1 AS a'
GO
EXEC sys.sp_addextendedproperty @name=N'MS_Description', @value=N'x' , @level0type=N'SCHEMA',@level0name=N'dbo'
GO
SELECT CAST(serverproperty(N'Servername') AS sysname) AS [Server_Name], db.name AS [Database_Name] FROM master.sys.databases AS db WHERE (db.name=@_msparam_0)ORDER BY [Database_Name] ASC
GO
select SERVERPROPERTY(N'servername')
GO
SELECT dtb.name AS [Name], dtb.database_id AS [ID], CAST(has_dbaccess(dtb.name) AS bit) AS [IsAccessible], (dtb.is_read_only | 0) & 1 AS x FROM master.sys.databases AS dtb WHERE (CAST(case when dtb.name in ('master','model','msdb','tempdb') then 1 else dtb.is_distributor end AS bit)=0)
GO
create table #SVer(ID int, Name sysname, Internal_Value int, Value nvarchar(512) COLLATE DATABASE_DEFAULT)
insert #SVer exec master.dbo.xp_msver
if exists (select 1 from sys.all_objects where name = 'dm_os_host_info' and type = 'V' and is_ms_shipped = 1)
begin
insert #SVer select t.* from sys.dm_os_host_info CROSS APPLY ( VALUES (1001, 'host_platform', 0, host_platform), (1002, 'host_distribution', 0, host_distribution) ) t(id, [name], internal_value, [value])
end
declare @SmoRoot nvarchar(512)
exec master.dbo.xp_instance_regread N'HKEY_LOCAL_MACHINE', N'SOFTWARE\Microsoft\MSSQLServer\Setup', N'SQLPath', @SmoRoot OUTPUT
SELECT (select Value from #SVer where Name = N'ProductName') AS [Product], ISNULL(@SmoRoot, N'') AS r
drop table #SVer
GO
SELECT TABLE_CAT = name FROM sys.databases; SELECT name AS TABLE_CAT FROM sys.databases order by name
GO
exec sp_columns_100 N't', N'dbo', NULL, NULL, @ODBCVer = 3, @fUsePattern = 1
GO
declare @p1 int set @p1=NULL exec sp_prepexec @p1 output,N'@P0 int',N'SELECT @P0',1 select @p1
GO
SELECT c.name, t.name FROM sys.columns c JOIN sys.types t ON c.user_type_id = t.user_type_id WHERE object_id = OBJECT_ID('dbo.t') AND c.is_identity = 0x0
GO
select object_name(object_id), [definition] from sys.sql_modules where definition like '%' + @x + '%' escape '\'
GO
SELECT session_id, login_name, status FROM sys.dm_exec_sessions WHERE session_id <> @@SPID AND is_user_process = 1 FOR XML PATH(''), TYPE
GO
SELECT STUFF((SELECT ',' + name FROM t FOR XML PATH('')), 1, 1, ''), (SELECT 1 a FOR JSON PATH, WITHOUT_ARRAY_WRAPPER)
GO
WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO dbo.t (a, b) SELECT i, REPLICATE('x', i % 10) FROM n OPTION (MAXRECURSION 0);
GO
DECLARE @i int = 0;
WHILE @i < 10
BEGIN
    BEGIN TRY
        BEGIN TRANSACTION;
        INSERT dbo.t (a) VALUES (@i);
        IF @@ROWCOUNT = 0
            THROW 50001, N'no row', 1;
        COMMIT;
    END TRY
    BEGIN CATCH
        IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
        DECLARE @msg nvarchar(2048) = ERROR_MESSAGE(), @sev int = ERROR_SEVERITY();
        RAISERROR(@msg, @sev, 1);
        BREAK;
    END CATCH;
    SET @i += 1;
END;
GO
DECLARE @t AS TABLE (id int NOT NULL PRIMARY KEY CLUSTERED, v nvarchar(10) COLLATE Latin1_General_CI_AS DEFAULT N'', UNIQUE (v), CHECK (id > 0));
INSERT @t (id) OUTPUT inserted.id, inserted.v VALUES (1), (2);
SELECT TOP (1) WITH TIES * FROM @t t ORDER BY ROW_NUMBER() OVER (PARTITION BY v ORDER BY id);
GO
SELECT p.name, pc.credential_id, c.name FROM sys.server_principals p LEFT JOIN (sys.server_principal_credentials pc JOIN sys.credentials c ON c.credential_id = pc.credential_id) ON pc.principal_id = p.principal_id
GO
SELECT d.name, dek.encryption_state, dek.percent_complete FROM sys.dm_database_encryption_keys dek RIGHT OUTER JOIN sys.databases d ON d.database_id = dek.database_id WHERE dek.encryption_state IN (2, 4) OR dek.database_id IS NULL
GO
SELECT name, value, value_in_use FROM sys.configurations WHERE name = 'EKM provider enabled'
GO
RESTORE FILELISTONLY FROM DISK = N'/var/backup/x.bak' WITH NOUNLOAD, FILE = 1
GO
BACKUP LOG [d] TO DISK = N'/b/d.trn' WITH NOFORMAT, NOINIT, NAME = N'd log', SKIP, NOREWIND, NOUNLOAD, STATS = 10
GO
USE [master] RESTORE DATABASE [d] FROM DISK = N'/b/d.bak' WITH FILE = 1, NOUNLOAD, REPLACE, STATS = 5
GO
CREATE DATABASE [d] CONTAINMENT = NONE
 ON  PRIMARY
( NAME = N'd', FILENAME = N'/d/d.mdf' , SIZE = 8192KB , FILEGROWTH = 65536KB )
 LOG ON
( NAME = N'd_log', FILENAME = N'/d/d_log.ldf' , SIZE = 8192KB , FILEGROWTH = 65536KB )
 WITH LEDGER = OFF
GO
ALTER DATABASE [d] SET ANSI_NULL_DEFAULT OFF
ALTER DATABASE [d] SET AUTO_CREATE_STATISTICS ON(INCREMENTAL = OFF)
ALTER DATABASE [d] SET AUTO_UPDATE_STATISTICS_ASYNC OFF
ALTER DATABASE [d] SET DATE_CORRELATION_OPTIMIZATION OFF
ALTER DATABASE [d] SET PARAMETERIZATION FORCED
ALTER DATABASE [d] SET PAGE_VERIFY TORN_PAGE_DETECTION
ALTER DATABASE [d] SET TARGET_RECOVERY_TIME = 1 MINUTES
IF NOT EXISTS (SELECT name FROM sys.filegroups WHERE is_default=1 AND name = N'PRIMARY') ALTER DATABASE [d] MODIFY FILEGROUP [PRIMARY] DEFAULT
GO
CREATE LOGIN [l] WITH PASSWORD=N'x', DEFAULT_DATABASE=[master], CHECK_EXPIRATION=OFF, CHECK_POLICY=OFF
ALTER SERVER ROLE [sysadmin] ADD MEMBER [l]
EXEC sp_addsrvrolemember 'l', 'sysadmin'
GO
SET ANSI_NULLS ON
SET QUOTED_IDENTIFIER ON
CREATE TABLE [dbo].[t](
	[id] [int] IDENTITY(1,1) NOT NULL,
	[n] [nvarchar](50) NULL,
	[d] [decimal](18, 2) NOT NULL,
	[x] [varchar](max) NULL,
 CONSTRAINT [PK_t] PRIMARY KEY CLUSTERED
(
	[id] ASC
)WITH (PAD_INDEX = OFF, STATISTICS_NORECOMPUTE = OFF, IGNORE_DUP_KEY = OFF, ALLOW_ROW_LOCKS = ON, ALLOW_PAGE_LOCKS = ON, OPTIMIZE_FOR_SEQUENTIAL_KEY = OFF) ON [PRIMARY]
) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]
ALTER TABLE [dbo].[t] ADD  CONSTRAINT [DF_t_d]  DEFAULT ((0)) FOR [d]
ALTER TABLE [dbo].[t]  WITH CHECK ADD  CONSTRAINT [FK_t] FOREIGN KEY([id]) REFERENCES [dbo].[u] ([id])
ALTER TABLE [dbo].[t] CHECK CONSTRAINT [FK_t]
GO
ALTER PROCEDURE [dbo].[p]
	-- comment
	@a int = 0,
	@b [dbo].[ty] READONLY
AS
BEGIN
	SET NOCOUNT ON;
	DECLARE cur CURSOR LOCAL FAST_FORWARD FOR SELECT id FROM dbo.t
	OPEN cur
	FETCH NEXT FROM cur INTO @a
	WHILE (@@FETCH_STATUS = 0)
	BEGIN
		EXEC dbo.q @a, @out = @a OUTPUT
		FETCH NEXT FROM cur INTO @a
	END
	CLOSE cur
	DEALLOCATE cur
	IF @a IS NULL GOTO fail
	RETURN 0
fail:
	RETURN -1
END
GO
SELECT CASE WHEN EXISTS (SELECT 1 FROM t) AND NOT (1 = 2) THEN 1 ELSE 0 END, IIF(EXISTS (SELECT 1), 'y', 'n')
GO
SELECT SUM(CASE WHEN a > 0 THEN 1 END) AS s, COUNT(DISTINCT CASE b WHEN 1 THEN c END) FROM t HAVING SUM(a) > 0
GO
SELECT a, (b), ((c)), -(a), ((a + b)) FROM (t) WHERE ((a = 1)) AND (((SELECT COUNT(*) FROM t) > 0))
GO
SELECT * FROM (t CROSS JOIN u), ((v)), (((SELECT 1 AS a))) AS x
GO
UPDATE t SET a = (SELECT TOP 1 b FROM u ORDER BY b), c = CASE WHEN d = 1 THEN 2 ELSE c END OUTPUT inserted.a FROM t WITH (UPDLOCK) WHERE EXISTS (SELECT * FROM u)
GO
EXEC xp_readerrorlog 0, 1, N'cryptographic', N'', NULL, NULL, N'desc'
GO
if @@microsoftversion / power(2, 24) >= 10 select 1 else select 0
GO
DECLARE @x xml = N'<a/>'; SET @x = @x.query('/a'); SELECT @x.exist('/a') WHERE @x.exist('/a') = 1
GO
SELECT TRY_CONVERT(uniqueidentifier, '6F9619FF-8B86-D011-B42D-00C04FC964FF'), CONVERT(varbinary(20), 'x', 2), CONVERT(xml, N'<a/>')
GO
select 1 where 'a'='a'and(1=1)or not(2=2)
GO
SELECT +1, - 1, 2*-3, 4/+5, ~-6, 7%-8
