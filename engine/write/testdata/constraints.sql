CREATE TABLE p (id int NOT NULL CONSTRAINT PK_p PRIMARY KEY, code varchar(10) NOT NULL CONSTRAINT UQ_p UNIQUE)
CREATE TABLE c (id int NOT NULL CONSTRAINT PK_c PRIMARY KEY, pid int NULL CONSTRAINT FK_c_p REFERENCES p(id), qty int CONSTRAINT CK_qty CHECK (qty > 0), pcode varchar(10) NULL, CONSTRAINT CK_both CHECK (qty < 100 OR pid IS NOT NULL), CONSTRAINT FK_code FOREIGN KEY (pcode) REFERENCES p(code) ON UPDATE CASCADE ON DELETE SET NULL)
INSERT p VALUES (1,'one'),(2,'two')
INSERT c VALUES (1, 1, 5, 'one'), (2, NULL, 6, NULL)
GO
-- > (2 rows)
-- > (2 rows)
INSERT c VALUES (3, 9, 5, NULL)
INSERT c VALUES (3, 1, 0, NULL)
INSERT c VALUES (3, NULL, 100, NULL)
INSERT c VALUES (3, 1, 1, 'x')
DELETE FROM p WHERE id = 1
UPDATE p SET id = 7 WHERE id = 1
UPDATE c SET pid = 8
UPDATE p SET code = 'uno' WHERE id = 1
SELECT * FROM c
DELETE FROM c WHERE id = 1
DELETE FROM p WHERE id = 1
TRUNCATE TABLE p
DROP TABLE p
GO
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the FOREIGN KEY constraint "FK_c_p". The conflict occurred in database "db", table "dbo.p", column 'id'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK_qty". The conflict occurred in database "db", table "dbo.c", column 'qty'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK_both". The conflict occurred in database "db", table "dbo.c".
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the FOREIGN KEY constraint "FK_code". The conflict occurred in database "db", table "dbo.p", column 'code'.
-- > Msg 547, Level 16, State 0: The DELETE statement conflicted with the REFERENCE constraint "FK_c_p". The conflict occurred in database "db", table "dbo.c", column 'pid'.
-- > Msg 547, Level 16, State 0: The UPDATE statement conflicted with the REFERENCE constraint "FK_c_p". The conflict occurred in database "db", table "dbo.c", column 'pid'.
-- > Msg 547, Level 16, State 0: The UPDATE statement conflicted with the FOREIGN KEY constraint "FK_c_p". The conflict occurred in database "db", table "dbo.p", column 'id'.
-- > (1 rows)
-- > 1|1|5|uno
-- > 2|NULL|6|NULL
-- > (1 rows)
-- > (1 rows)
-- > Msg 4712, Level 16, State 1: Cannot truncate table 'p' because it is being referenced by a FOREIGN KEY constraint.
-- > Msg 3726, Level 16, State 1: Could not drop object 'p' because it is referenced by a FOREIGN KEY constraint.
CREATE TABLE emp (id int PRIMARY KEY, boss int NULL CONSTRAINT FK_boss REFERENCES emp(id))
INSERT emp VALUES (1, 2), (2, 3), (3, NULL)
INSERT emp VALUES (4, 9)
DELETE FROM emp WHERE id = 3
DELETE FROM emp
SELECT COUNT(*) FROM emp
GO
-- > (3 rows)
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the FOREIGN KEY SAME TABLE constraint "FK_boss". The conflict occurred in database "db", table "dbo.emp", column 'id'.
-- > Msg 547, Level 16, State 0: The DELETE statement conflicted with the SAME TABLE REFERENCE constraint "FK_boss". The conflict occurred in database "db", table "dbo.emp", column 'boss'.
-- > (3 rows)
-- > 0
CREATE TABLE k (a int PRIMARY KEY, b varchar(10) UNIQUE, c int)
INSERT k VALUES (1,'a',1),(2,'b',2),(3,'c',3)
UPDATE k SET a = a + 1
UPDATE k SET a = 5 - a, b = CASE b WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE b END OUTPUT deleted.a, inserted.a, inserted.b
UPDATE k SET a = 1
UPDATE k SET b = 'z' WHERE a < 3
SELECT * FROM k ORDER BY a
GO
-- > (3 rows)
-- > (3 rows)
-- > 2|3|b
-- > 3|2|a
-- > 4|1|c
-- > (3 rows)
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__k__0669A4382F10007B'. Cannot insert duplicate key in object 'dbo.k'. The duplicate key value is (1).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__k__1B626137300424B4'. Cannot insert duplicate key in object 'dbo.k'. The duplicate key value is (z).
-- > 1|c|3
-- > 2|a|2
-- > 3|b|1
CREATE TABLE two (a int NULL, b int NULL, CONSTRAINT UQ_two UNIQUE (a, b))
INSERT two VALUES (1, NULL), (NULL, 1), (NULL, NULL), (1, 1)
INSERT two VALUES (1, NULL)
INSERT two VALUES (NULL, NULL)
CREATE UNIQUE INDEX ix_f ON two(a) WHERE b IS NOT NULL
INSERT two VALUES (1, 2)
CREATE UNIQUE INDEX ix_a ON two(a)
CREATE INDEX ix_a ON two(a DESC) INCLUDE (b)
CREATE INDEX ix_a ON two(a)
CREATE INDEX ix_x ON two(nope)
CREATE INDEX ix_x ON nope(a)
GO
-- > (4 rows)
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ_two'. Cannot insert duplicate key in object 'dbo.two'. The duplicate key value is (1, <NULL>).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ_two'. Cannot insert duplicate key in object 'dbo.two'. The duplicate key value is (<NULL>, <NULL>).
-- > Msg 2601, Level 14, State 1: Cannot insert duplicate key row in object 'dbo.two' with unique index 'ix_f'. The duplicate key value is (1).
-- > Msg 1505, Level 16, State 1: The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.two' and the index name 'ix_a'. The duplicate key value is (<NULL>).
-- > Msg 1913, Level 16, State 1: The operation failed because an index or statistics with name 'ix_a' already exists on table 'dbo.two'.
-- > Msg 1911, Level 16, State 1: Column name 'nope' does not exist in the target table or view.
-- > Msg 1088, Level 16, State 12: Cannot find the object "nope" because it does not exist or you do not have permissions.
CREATE TABLE ign (a int PRIMARY KEY WITH (IGNORE_DUP_KEY = ON), b int)
INSERT ign VALUES (1,1),(1,2),(2,3)
SELECT * FROM ign
GO
-- > info 3604: Duplicate key was ignored.
-- > (2 rows)
-- > 1|1
-- > 2|3
CREATE TABLE bad (a int, a int)
CREATE TABLE bad (a int NULL PRIMARY KEY)
CREATE TABLE bad (a int PRIMARY KEY, b int PRIMARY KEY)
CREATE TABLE bad (a nosuch)
CREATE TABLE bad (a int REFERENCES nothing(x))
CREATE TABLE bad (a int REFERENCES c(qty))
CREATE TABLE bad (a varchar(10) REFERENCES p)
CREATE TABLE bad (a varchar(10) IDENTITY)
CREATE TABLE bad (a int IDENTITY, b int IDENTITY)
CREATE TABLE bad (a int IDENTITY NULL)
CREATE TABLE bad (a rowversion, b rowversion)
CREATE TABLE bad (a int DEFAULT 'x' DEFAULT 2)
CREATE TABLE bad (a int IDENTITY DEFAULT 1)
CREATE TABLE bad (a decimal(39,2))
CREATE TABLE bad (a nvarchar(max) PRIMARY KEY)
CREATE TABLE bad (a int CHECK (nope > 1))
CREATE TABLE nosuch.bad (a int)
CREATE TABLE c (a int)
CREATE TABLE bad (a int CONSTRAINT PK_c PRIMARY KEY)
CREATE TABLE bad (a int, PRIMARY KEY (b))
DROP TABLE nope
DROP TABLE IF EXISTS nope
DROP VIEW c
GO
-- > Msg 2705, Level 16, State 4: Column names in each table must be unique. Column name 'a' in table 'bad' is specified more than once.
-- > Msg 8111, Level 16, State 1: Cannot define PRIMARY KEY constraint on nullable column in table 'bad'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 8110, Level 16, State 0: Cannot add multiple PRIMARY KEY constraints to table 'bad'.
-- > Msg 2715, Level 16, State 6: Column, parameter, or variable #1: Cannot find data type nosuch.
-- > Msg 1767, Level 16, State 0: Foreign key 'FK__bad__a__35BCFE0A' references invalid table 'nothing'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 1776, Level 16, State 0: There are no primary or candidate keys in the referenced table 'c' that match the referencing column list in the foreign key 'FK__bad__a__35BCFE0A'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 1778, Level 16, State 0: Column 'p.id' is not the same data type as referencing column 'bad.a' in foreign key 'FK__bad__a__35BCFE0A'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 2749, Level 16, State 2: Identity column 'a' must be of data type int, bigint, smallint, tinyint, or decimal or numeric with a scale of 0, unencrypted, and constrained to be nonnullable.
-- > Msg 2744, Level 16, State 2: Multiple identity columns specified for table 'bad'. Only one identity column per table is allowed.
-- > Msg 8147, Level 16, State 1: Could not create IDENTITY attribute on nullable column 'a', table 'bad'.
-- > Msg 2738, Level 16, State 2: A table can only have one timestamp column. Because table 'bad' already has one, the column 'b' cannot be added.
-- > Msg 8148, Level 16, State 0: More than one column DEFAULT constraint specified for column 'a', table 'bad'.
-- > Msg 1754, Level 16, State 0: Defaults cannot be created on columns with an IDENTITY attribute. Table 'bad', column 'a'.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 2750, Level 16, State 1: Column or parameter a: Specified column precision 39 is greater than the maximum precision of 38.
-- > Msg 1919, Level 16, State 1: Column 'a' in table 'bad' is of a type that is invalid for use as a key column in an index.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 207, Level 16, State 1: Invalid column name 'nope'.
-- > Msg 2760, Level 16, State 1: The specified schema name "nosuch" either does not exist or you do not have permission to use it.
-- > Msg 2714, Level 16, State 6: There is already an object named 'c' in the database.
-- > Msg 2714, Level 16, State 6: There is already an object named 'PK_c' in the database.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 1911, Level 16, State 1: Column name 'b' does not exist in the target table or view.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > Msg 3701, Level 11, State 5: Cannot drop the table 'nope', because it does not exist or you do not have permission.
-- > Msg 3705, Level 16, State 1: Cannot use DROP VIEW with 'c' because 'c' is a table. Use DROP TABLE.
CREATE TABLE bad (a varchar(9000))
GO
-- > ERROR syntax error 131 at line 1, column 28: The size (9000) given to the type 'varchar' exceeds the maximum allowed for any data type (8000).
CREATE TABLE comp (a int, b int, s AS a + b, p AS a * 2 PERSISTED, rv rowversion)
INSERT comp (a, b) VALUES (1, 2), (3, 4)
INSERT comp (a, s) VALUES (1, 2)
INSERT comp (a, b) OUTPUT inserted.s, inserted.p, inserted.rv VALUES (10, 20)
UPDATE comp SET a = a + 1 OUTPUT deleted.s, inserted.s, inserted.rv WHERE a = 1
UPDATE comp SET s = 1
UPDATE comp SET rv = 0x01
INSERT comp VALUES (1, 2, DEFAULT)
INSERT comp VALUES (1, 2, 0x00)
CREATE INDEX ix_s ON comp(s)
SELECT a, b, s, p, rv FROM comp
GO
-- > (2 rows)
-- > Msg 271, Level 16, State 1: The column "s" cannot be modified because it is either a computed column or is the result of a UNION operator.
-- > 30|20|0x00000000000007D3
-- > (1 rows)
-- > 3|4|0x00000000000007D4
-- > (1 rows)
-- > Msg 271, Level 16, State 1: The column "s" cannot be modified because it is either a computed column or is the result of a UNION operator.
-- > Msg 272, Level 16, State 1: Cannot update a timestamp column.
-- > (1 rows)
-- > Msg 273, Level 16, State 1: Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.
-- > 2|2|4|4|0x00000000000007D4
-- > 3|4|7|6|0x00000000000007D2
-- > 10|20|30|20|0x00000000000007D3
-- > 1|2|3|2|0x00000000000007D5
