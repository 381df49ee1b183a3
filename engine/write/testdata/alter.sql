CREATE TABLE t (a int NOT NULL, b varchar(10))
INSERT t VALUES (1, 'x'), (2, 'y')
ALTER TABLE t ADD c int NULL
ALTER TABLE t ADD d int NOT NULL
ALTER TABLE t ADD d int NOT NULL CONSTRAINT DF_d DEFAULT 7
ALTER TABLE t ADD e datetime2(0) DEFAULT GETDATE() WITH VALUES, f int DEFAULT 5
ALTER TABLE t ADD id int IDENTITY(10, 5)
ALTER TABLE t ADD rv rowversion, s AS a * 10, p AS b + '!' PERSISTED
SELECT * FROM t
GO
-- > (2 rows)
-- > Msg 4901, Level 16, State 1: ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column being added is an identity or timestamp column, or alternatively if none of the previous conditions are satisfied the table must be empty to allow addition of this column. Column 'd' cannot be added to non-empty table 't' because it does not satisfy these conditions.
-- > 1|x|NULL|7|2024-02-29 13:14:15|NULL|10|0x00000000000007D1|10|x!
-- > 2|y|NULL|7|2024-02-29 13:14:15|NULL|15|0x00000000000007D2|20|y!
ALTER TABLE t ADD CONSTRAINT PK_t PRIMARY KEY (a)
ALTER TABLE t ADD CONSTRAINT PK_t2 PRIMARY KEY (id)
ALTER TABLE t ADD CONSTRAINT CK_t CHECK (a < 2)
ALTER TABLE t WITH NOCHECK ADD CONSTRAINT CK_t CHECK (a < 2)
INSERT t (a) VALUES (5)
ALTER TABLE t NOCHECK CONSTRAINT CK_t
INSERT t (a) VALUES (5)
ALTER TABLE t CHECK CONSTRAINT CK_t
INSERT t (a) VALUES (6)
ALTER TABLE t WITH CHECK CHECK CONSTRAINT CK_t
ALTER TABLE t DROP CONSTRAINT CK_t
INSERT t (a) VALUES (1)
ALTER TABLE t ADD CONSTRAINT UQ_f UNIQUE (c)
ALTER TABLE t ADD CONSTRAINT DF_b DEFAULT 'bb' FOR b
ALTER TABLE t ADD CONSTRAINT DF_b2 DEFAULT 'bb' FOR b
INSERT t (a) VALUES (8)
SELECT a, b, c, d, f, id FROM t
GO
-- > Msg 1779, Level 16, State 0: Table 't' already has a primary key defined on it.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 547, Level 16, State 0: The ALTER TABLE statement conflicted with the CHECK constraint "CK_t". The conflict occurred in database "db", table "dbo.t", column 'a'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK_t". The conflict occurred in database "db", table "dbo.t", column 'a'.
-- > (1 rows) identity 25
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK_t". The conflict occurred in database "db", table "dbo.t", column 'a'.
-- > Msg 547, Level 16, State 0: The ALTER TABLE statement conflicted with the CHECK constraint "CK_t". The conflict occurred in database "db", table "dbo.t", column 'a'.
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK_t'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (1).
-- > Msg 1505, Level 16, State 1: The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.t' and the index name 'UQ_f'. The duplicate key value is (<NULL>).
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 1781, Level 16, State 1: Column already has a DEFAULT bound to it.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > (1 rows) identity 40
-- > 1|x|NULL|7|NULL|10
-- > 2|y|NULL|7|NULL|15
-- > 5|NULL|NULL|7|5|25
-- > 8|bb|NULL|7|5|40
ALTER TABLE t DROP COLUMN a
ALTER TABLE t DROP COLUMN d
ALTER TABLE t DROP COLUMN nope
ALTER TABLE t DROP CONSTRAINT nope
ALTER TABLE t DROP CONSTRAINT IF EXISTS nope
ALTER TABLE t DROP CONSTRAINT DF_d, COLUMN d
ALTER TABLE t DROP COLUMN s, p
ALTER TABLE t DROP CONSTRAINT PK_t
ALTER TABLE nope ADD x int
INSERT t (a) VALUES (1)
SELECT * FROM t
GO
-- > Msg 5074, Level 16, State 1: The object 'PK_t' is dependent on column 'a'.
-- > Msg 5074, Level 16, State 1: The column 's' is dependent on column 'a'.
-- > Msg 4922, Level 16, State 9: ALTER TABLE DROP COLUMN a failed because one or more objects access this column.
-- > Msg 5074, Level 16, State 1: The object 'DF_d' is dependent on column 'd'.
-- > Msg 4922, Level 16, State 9: ALTER TABLE DROP COLUMN d failed because one or more objects access this column.
-- > Msg 4924, Level 16, State 1: ALTER TABLE DROP COLUMN failed because column 'nope' does not exist in table 't'.
-- > Msg 3728, Level 16, State 1: 'nope' is not a constraint.
-- > Msg 3727, Level 16, State 0: Could not drop constraint. See previous errors.
-- > Msg 4902, Level 16, State 1: Cannot find the object "nope" because it does not exist or you do not have permissions.
-- > (1 rows) identity 45
-- > 1|x|NULL|2024-02-29 13:14:15|NULL|10|0x00000000000007D1
-- > 2|y|NULL|2024-02-29 13:14:15|NULL|15|0x00000000000007D2
-- > 5|NULL|NULL|2024-02-29 13:14:15|5|25|0x00000000000007D4
-- > 8|bb|NULL|2024-02-29 13:14:15|5|40|0x00000000000007D7
-- > 1|bb|NULL|2024-02-29 13:14:15|5|45|0x00000000000007D8
CREATE TABLE n (v int, w varchar(10) NULL, i int NOT NULL PRIMARY KEY)
INSERT n VALUES (1, 'abc', 1), (2, NULL, 2)
ALTER TABLE n ALTER COLUMN v bigint NOT NULL
ALTER TABLE n ALTER COLUMN w varchar(10) NOT NULL
ALTER TABLE n ALTER COLUMN w varchar(2)
ALTER TABLE n ALTER COLUMN w nvarchar(50)
ALTER TABLE n ALTER COLUMN v varchar(20)
ALTER TABLE n ALTER COLUMN w int
ALTER TABLE n ALTER COLUMN i bigint
ALTER TABLE n ALTER COLUMN nope int
UPDATE n SET v = v + 'k'
SELECT * FROM n
GO
-- > (2 rows)
-- > Msg 515, Level 16, State 2: Cannot insert the value NULL into column 'w', table 'db.dbo.n'; column does not allow nulls. UPDATE fails.
-- > Msg 2628, Level 16, State 1: String or binary data would be truncated in table 'db.dbo.n', column 'w'. Truncated value: 'ab'.
-- > Msg 245, Level 16, State 1: Conversion failed when converting the nvarchar value 'abc' to data type int.
-- > Msg 5074, Level 16, State 1: The object 'PK__n__48CC79342A4B4B5E' is dependent on column 'i'.
-- > Msg 4922, Level 16, State 9: ALTER TABLE ALTER COLUMN i failed because one or more objects access this column.
-- > Msg 4924, Level 16, State 1: ALTER TABLE ALTER COLUMN failed because column 'nope' does not exist in table 'n'.
-- > (2 rows)
-- > 1k|abc|1
-- > 2k|NULL|2
CREATE TABLE par (id int PRIMARY KEY, x int)
CREATE TABLE chi (id int, pid int)
INSERT par VALUES (1, 1), (2, 2)
INSERT chi VALUES (1, 1), (2, 5)
ALTER TABLE chi ADD CONSTRAINT FK_chi FOREIGN KEY (pid) REFERENCES par (id) ON DELETE CASCADE
ALTER TABLE chi WITH NOCHECK ADD CONSTRAINT FK_chi FOREIGN KEY (pid) REFERENCES par (id) ON DELETE CASCADE
INSERT chi VALUES (3, 9)
ALTER TABLE par ADD y int NOT NULL DEFAULT 3
ALTER TABLE par ALTER COLUMN x bigint
SELECT * FROM chi
ALTER TABLE par DROP CONSTRAINT PK_nope
DELETE FROM par WHERE id = 1
SELECT * FROM chi
ALTER TABLE chi ADD CONSTRAINT FK_bad FOREIGN KEY (pid) REFERENCES par (x)
ALTER TABLE chi ADD CONSTRAINT FK_bad FOREIGN KEY (pid) REFERENCES nope (x)
ALTER TABLE chi ADD CONSTRAINT FK_bad FOREIGN KEY (nope) REFERENCES par (id)
DROP TABLE chi
DROP TABLE par
GO
-- > (2 rows)
-- > (2 rows)
-- > Msg 547, Level 16, State 0: The ALTER TABLE statement conflicted with the FOREIGN KEY constraint "FK_chi". The conflict occurred in database "db", table "dbo.par", column 'id'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the FOREIGN KEY constraint "FK_chi". The conflict occurred in database "db", table "dbo.par", column 'id'.
-- > 1|1
-- > 2|5
-- > Msg 3728, Level 16, State 1: 'PK_nope' is not a constraint.
-- > Msg 3727, Level 16, State 0: Could not drop constraint. See previous errors.
-- > (1 rows)
-- > 2|5
-- > Msg 1776, Level 16, State 0: There are no primary or candidate keys in the referenced table 'par' that match the referencing column list in the foreign key 'FK_bad'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 1767, Level 16, State 0: Foreign key 'FK_bad' references invalid table 'nope'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 1769, Level 16, State 1: Foreign key 'FK_bad' references invalid column 'nope' in referencing table 'chi'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
CREATE TABLE old (a int CONSTRAINT PK_old PRIMARY KEY, b int, CONSTRAINT CK_old CHECK (b > 0))
CREATE INDEX ix_b ON old (b)
INSERT old VALUES (1, 1)
EXEC sp_rename 'dbo.old', 'fresh'
SELECT * FROM fresh
SELECT * FROM old
EXEC sp_rename 'fresh.b', 'bb', 'COLUMN'
EXEC sp_rename 'fresh.a', 'aa', 'COLUMN'
EXEC sp_rename 'fresh.ix_b', 'ix_bb', 'INDEX'
EXEC sp_rename 'PK_old', 'PK_fresh', 'OBJECT'
EXEC sp_rename 'nope', 'x'
CREATE TABLE old (a int)
INSERT old VALUES (7)
INSERT fresh (aa, b) VALUES (1, 2)
SELECT aa FROM fresh
SELECT a FROM old
ALTER TABLE fresh ADD a int
INSERT fresh (aa, b, a) VALUES (2, 2, 22)
SELECT aa, b, a FROM fresh
DROP INDEX ix_bb ON fresh
DROP INDEX fresh.PK_fresh
DROP INDEX nope ON fresh
DROP INDEX IF EXISTS nope ON fresh
GO
-- > (1 rows)
-- > info 15477: Caution: Changing any part of an object name could break scripts and stored procedures.
-- > 1|1
-- > Msg 208, Level 16, State 1: Invalid object name 'old'.
-- > Msg 15336, Level 16, State 1: Object 'fresh.b' cannot be renamed because the object participates in enforced dependencies.
-- > info 15477: Caution: Changing any part of an object name could break scripts and stored procedures.
-- > info 15477: Caution: Changing any part of an object name could break scripts and stored procedures.
-- > info 15477: Caution: Changing any part of an object name could break scripts and stored procedures.
-- > Msg 15225, Level 11, State 1: No item by the name of 'nope' could be found in the current database 'db', given that @itemtype was input as '(null)'.
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK_fresh'. Cannot insert duplicate key in object 'dbo.fresh'. The duplicate key value is (1).
-- > 1
-- > 7
-- > (1 rows)
-- > 1|1|NULL
-- > 2|2|22
-- > Msg 3723, Level 16, State 4: An explicit DROP INDEX is not allowed on index 'fresh.PK_fresh'. It is being used for PRIMARY KEY constraint enforcement.
-- > Msg 3701, Level 11, State 7: Cannot drop the index 'fresh.nope', because it does not exist or you do not have permission.
CREATE SCHEMA sales
GO
CREATE SCHEMA sales
GO
-- > Msg 2714, Level 16, State 6: There is already an object named 'sales' in the database.
-- > Msg 2759, Level 16, State 0: CREATE SCHEMA failed due to previous errors.
CREATE TABLE sales.orders (id int PRIMARY KEY, n int)
DROP SCHEMA sales
INSERT sales.orders VALUES (1, 2)
GO
-- > Msg 3729, Level 16, State 1: Cannot drop schema 'sales' because it is being referenced by object 'orders'.
-- > (1 rows)
CREATE VIEW sales.v AS SELECT id, n * 2 AS twice FROM sales.orders
GO
SELECT * FROM sales.v
INSERT sales.v VALUES (1, 2)
DROP TABLE sales.v
GO
-- > 1|4
-- > Msg 4406, Level 16, State 1: Update or insert of view or function 'v' failed because it contains a derived or constant field.
-- > Msg 3705, Level 16, State 1: Cannot use DROP TABLE with 'sales.v' because 'sales.v' is a view. Use DROP VIEW.
ALTER VIEW sales.v (a, b) WITH SCHEMABINDING AS SELECT id, n FROM sales.orders
GO
SELECT b, a FROM sales.v
DROP TABLE sales.orders
GO
-- > 2|1
-- > Msg 3729, Level 16, State 1: Cannot DROP TABLE 'sales.orders' because it is being referenced by object 'v'.
CREATE OR ALTER VIEW v2 AS SELECT 1 AS a
GO
CREATE VIEW v2 AS SELECT 1 AS a
GO
-- > Msg 2714, Level 16, State 6: There is already an object named 'v2' in the database.
CREATE VIEW v3 AS SELECT 1
GO
-- > Msg 4511, Level 16, State 1: Create View or Function failed because no column name was specified for column 1.
CREATE VIEW v3 AS SELECT 1 AS a, 2 AS A
GO
-- > Msg 4506, Level 16, State 1: Column names in each view or function must be unique. Column name 'A' in view or function 'v3' is specified more than once.
CREATE VIEW v3 AS SELECT x FROM nope
GO
-- > Msg 208, Level 16, State 1: Invalid object name 'nope'.
ALTER VIEW nope AS SELECT 1 AS a
GO
-- > Msg 208, Level 16, State 6: Invalid object name 'nope'.
ALTER SCHEMA dbo TRANSFER sales.v
SELECT * FROM v
DROP VIEW v, v2
DROP VIEW IF EXISTS v
DROP VIEW v
DROP TABLE sales.orders
DROP SCHEMA sales
DROP SCHEMA sales
GO
-- > 1|2
-- > Msg 3701, Level 11, State 5: Cannot drop the view 'v', because it does not exist or you do not have permission.
-- > Msg 15151, Level 16, State 1: Cannot drop the schema 'sales', because it does not exist or you do not have permission.
CREATE PROC dbo.pr @a int, @b nvarchar(10) = N'x' OUTPUT AS SELECT @a
GO
ALTER PROCEDURE pr @a int AS SELECT @a + 1
GO
CREATE FUNCTION dbo.fn(@x int) RETURNS TABLE AS RETURN (SELECT @x AS y)
GO
SELECT y FROM dbo.fn(5)
DROP PROCEDURE pr
DROP PROCEDURE pr
DROP FUNCTION fn
GO
-- > 5
-- > Msg 3701, Level 11, State 5: Cannot drop the procedure 'pr', because it does not exist or you do not have permission.
CREATE TRIGGER tr ON t AFTER INSERT AS SELECT 1
GO
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'CREATE TRIGGER' is not supported in this version of SQL Server.
CREATE TYPE dbo.Phone FROM varchar(12) NOT NULL
CREATE TYPE dbo.Phone FROM varchar(12) NOT NULL
CREATE TABLE ph (p dbo.Phone, q Phone NULL)
INSERT ph VALUES ('1', NULL)
INSERT ph VALUES (NULL, NULL)
DROP TYPE Phone
DROP TABLE ph
DROP TYPE Phone
CREATE TYPE tt AS TABLE (a int PRIMARY KEY, b nvarchar(10))
DROP TYPE tt
GO
-- > Msg 219, Level 16, State 1: The type 'dbo.Phone' already exists, or you do not have permission to create it.
-- > (1 rows)
-- > Msg 515, Level 16, State 2: Cannot insert the value NULL into column 'p', table 'db.dbo.ph'; column does not allow nulls. INSERT fails.
-- > Msg 3732, Level 16, State 1: Cannot drop type 'Phone' because it is being referenced by object 'ph'. There may be other objects that reference this type.
CREATE SEQUENCE sq AS int START WITH 5 INCREMENT BY 2
CREATE SEQUENCE sq
CREATE SEQUENCE sq2 START WITH 5 MAXVALUE 3
DROP SEQUENCE sq
UPDATE STATISTICS nope
CREATE STATISTICS st ON t (c)
DROP STATISTICS t.st
CREATE SYNONYM syn FOR dbo.t
DROP SYNONYM syn
UPDATE STATISTICS t
CREATE TABLE part (a int) ON ps(a)
CREATE CLUSTERED COLUMNSTORE INDEX cc ON t
GO
-- > Msg 2714, Level 16, State 6: There is already an object named 'sq' in the database.
-- > Msg 11703, Level 16, State 1: The start value for sequence object 'sq2' must be between the minimum and maximum value of the sequence object.
-- > Msg 2706, Level 11, State 6: Table 'nope' does not exist.
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'ON filegroup or partition scheme' is not supported in this version of SQL Server.
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'COLUMNSTORE index' is not supported in this version of SQL Server.
