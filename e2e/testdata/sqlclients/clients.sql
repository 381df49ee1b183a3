CREATE DATABASE Clients
GO
USE Clients
GO
CREATE TYPE dbo.Lines AS TABLE (id int NOT NULL, s nvarchar(20) NULL)
CREATE TABLE dbo.large (id int NOT NULL PRIMARY KEY, t nvarchar(max), b varbinary(max))
CREATE TABLE dbo.bulked (id int NOT NULL PRIMARY KEY, s nvarchar(max), d datetime2, n decimal(10,2))
CREATE TABLE dbo.big (id int NOT NULL PRIMARY KEY, s nvarchar(50))
;WITH d AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM d WHERE n < 99) INSERT dbo.big SELECT a.n * 100 + b.n, N'row ' + CAST(b.n AS nvarchar(9)) FROM d a CROSS JOIN d b
GO
CREATE PROCEDURE dbo.twice @n int, @r int OUTPUT, @s nvarchar(max) OUTPUT AS BEGIN SET @r = @n * 2; SET @s = N'n=' + CAST(@n AS nvarchar(9)); RETURN 7 END
GO
CREATE PROCEDURE dbo.sumLines @t dbo.Lines READONLY AS SELECT COUNT(*), SUM(id), COUNT(s) FROM @t
GO
CREATE PROCEDURE dbo.fails AS
INSERT dbo.big VALUES (1, N'x')
GO
