CREATE SCHEMA [a.b]
GO
CREATE SCHEMA [a]
GO
CREATE TABLE [a.b].[c] (x int)
CREATE TABLE [a].[b.c] (x int)
CREATE TABLE [we"ird ]]name] ([col"umn ]]] int PRIMARY KEY, rowid int, oid int, _rowid_ int, [select] int, [ü€] nvarchar(10))
INSERT [a.b].c VALUES (1)
INSERT a.[b.c] VALUES (2)
SELECT * FROM [a.b].[c]
SELECT * FROM a.[b.c]
INSERT [we"ird ]]name] VALUES (1, 2, 3, 4, 5, N'ö')
INSERT [we"ird ]]name] VALUES (1, 2, 3, 4, 5, N'ö')
UPDATE [we"ird ]]name] SET rowid = rowid + 10, [select] += 1 OUTPUT inserted.rowid, deleted.oid, inserted.[ü€]
UPDATE x SET oid = 7 FROM [we"ird ]]name] x WHERE x.rowid = 12
SELECT [col"umn ]]], rowid, oid, _rowid_, [select], [ü€] FROM [WE"IRD ]]NAME]
DELETE FROM [we"ird ]]name] WHERE _rowid_ = 4
GO
-- > (1 rows)
-- > (1 rows)
-- > 1
-- > 2
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__we"ird ]__21D6871825869641'. Cannot insert duplicate key in object 'dbo.we"ird ]name'. The duplicate key value is (1).
-- > 12|3|ö
-- > (1 rows)
-- > (1 rows)
-- > 1|12|7|4|6|ö
-- > (1 rows)
CREATE TABLE keys1 (a datetimeoffset PRIMARY KEY, b nvarchar(20) UNIQUE)
INSERT keys1 VALUES ('2024-01-01 12:00 +00:00', N'Straße')
INSERT keys1 VALUES ('2024-01-01 14:00 +02:00', N'x')
INSERT keys1 VALUES ('2024-01-01 14:00 +01:00', N'STRASSE')
INSERT keys1 VALUES ('2024-01-01 14:00 +01:00', N'abc   ')
INSERT keys1 VALUES ('2024-01-02 14:00 +01:00', N'ABC')
CREATE TABLE keys2 (a decimal(38,5) PRIMARY KEY, b uniqueidentifier UNIQUE, c varbinary(10) UNIQUE, d float UNIQUE, e bit, f sql_variant, g char(5) COLLATE Latin1_General_BIN2 UNIQUE)
INSERT keys2 VALUES (-1.5, '00000000-0000-0000-0000-000000000001', 0x01, 1.5, 1, 1, 'a')
INSERT keys2 VALUES (-1.5, '00000000-0000-0000-0000-000000000002', 0x02, 2.5, 1, 1, 'b')
INSERT keys2 VALUES (2, '00000000-0000-0000-0000-000000000001', 0x02, 2.5, 1, 1, 'b')
INSERT keys2 VALUES (2, '00000000-0000-0000-0000-000000000002', 0x01, 2.5, 1, 1, 'b')
INSERT keys2 VALUES (2, '00000000-0000-0000-0000-000000000002', 0x02, 1.5, 1, 1, 'b')
INSERT keys2 VALUES (2, '00000000-0000-0000-0000-000000000002', 0x02, 2.5, 1, 1, 'a')
INSERT keys2 VALUES (2, '00000000-0000-0000-0000-000000000002', 0x02, 2.5, 1, N'v', 'A')
UPDATE keys2 SET a = -a, c = CASE c WHEN 0x01 THEN 0x02 ELSE 0x01 END, d = 4 - d
SELECT a, b, c, d, f, g FROM keys2 ORDER BY a
CREATE UNIQUE INDEX ix ON keys2 (e)
CREATE INDEX ix ON keys2 (f)
GO
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__keys1__ADD450DE276EDEB3'. Cannot insert duplicate key in object 'dbo.keys1'. The duplicate key value is (2024-01-01 14:00:00.0000000 +02:00).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__keys1__6AF7711A286302EC'. Cannot insert duplicate key in object 'dbo.keys1'. The duplicate key value is (STRASSE).
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__keys1__6AF7711A286302EC'. Cannot insert duplicate key in object 'dbo.keys1'. The duplicate key value is (ABC).
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__keys2__37457C8C2A4B4B5E'. Cannot insert duplicate key in object 'dbo.keys2'. The duplicate key value is (-1.50000).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__keys2__C623113F2B3F6F97'. Cannot insert duplicate key in object 'dbo.keys2'. The duplicate key value is (00000000-0000-0000-0000-000000000001).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__keys2__C7246AE22C3393D0'. Cannot insert duplicate key in object 'dbo.keys2'. The duplicate key value is (0x01).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__keys2__1EF0B6F42D27B809'. Cannot insert duplicate key in object 'dbo.keys2'. The duplicate key value is (1.5).
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__keys2__C5005C052E1BDC42'. Cannot insert duplicate key in object 'dbo.keys2'. The duplicate key value is (a    ).
-- > (1 rows)
-- > (2 rows)
-- > -2.00000|00000000-0000-0000-0000-000000000002|0x01|1.5|v|A    
-- > 1.50000|00000000-0000-0000-0000-000000000001|0x02|2.5|1|a    
-- > Msg 1505, Level 16, State 1: The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.keys2' and the index name 'ix'. The duplicate key value is (1).
CREATE TABLE comp (a int, b int, c int, PRIMARY KEY (a, b DESC), UNIQUE (b, c), FOREIGN KEY (b, c) REFERENCES comp (a, b))
INSERT comp VALUES (1, 2, NULL), (2, 1, NULL)
INSERT comp VALUES (3, 2, 1)
INSERT comp VALUES (3, 9, 9)
UPDATE comp SET a = a + 1 WHERE c IS NULL
UPDATE comp SET b = 7, c = 7 WHERE a = 1
DELETE FROM comp WHERE a = 2
SELECT * FROM comp
GO
-- > (2 rows)
-- > (1 rows)
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the FOREIGN KEY SAME TABLE constraint "FK__comp__31EC6D26". The conflict occurred in database "db", table "dbo.comp".
-- > Msg 547, Level 16, State 0: The UPDATE statement conflicted with the FOREIGN KEY SAME TABLE constraint "FK__comp__31EC6D26". The conflict occurred in database "db", table "dbo.comp".
-- > Msg 547, Level 16, State 0: The UPDATE statement conflicted with the FOREIGN KEY SAME TABLE constraint "FK__comp__31EC6D26". The conflict occurred in database "db", table "dbo.comp".
-- > Msg 547, Level 16, State 0: The DELETE statement conflicted with the SAME TABLE REFERENCE constraint "FK__comp__31EC6D26". The conflict occurred in database "db", table "dbo.comp".
-- > 1|2|NULL
-- > 2|1|NULL
-- > 3|2|1
CREATE TABLE gp (id int PRIMARY KEY)
CREATE TABLE pa (id int PRIMARY KEY, g int DEFAULT 1 REFERENCES gp(id) ON DELETE SET DEFAULT ON UPDATE CASCADE)
CREATE TABLE ch (id int PRIMARY KEY, p int REFERENCES pa(id) ON DELETE CASCADE, q int CONSTRAINT FK_q REFERENCES gp(id))
CREATE TABLE bad (id int PRIMARY KEY, p int REFERENCES pa(id) ON DELETE CASCADE, g int REFERENCES gp(id) ON DELETE CASCADE)
INSERT gp VALUES (1), (2), (3)
INSERT pa VALUES (10, 2), (11, 3)
INSERT ch VALUES (100, 10, 3), (101, 11, NULL)
DELETE FROM gp WHERE id = 2
DELETE FROM gp WHERE id = 3
SELECT * FROM pa
DELETE FROM pa WHERE id = 11
SELECT * FROM ch
UPDATE gp SET id = 9 WHERE id = 1
SELECT * FROM pa
GO
-- > Msg 1785, Level 16, State 0: Introducing FOREIGN KEY constraint 'FK__bad__g__3F466844' on table 'bad' may cause cycles or multiple cascade paths. Specify ON DELETE NO ACTION or ON UPDATE NO ACTION, or modify other FOREIGN KEY constraints.
-- > Msg 1750, Level 16, State 0: Could not create constraint or index. See previous errors.
-- > (3 rows)
-- > (2 rows)
-- > (2 rows)
-- > (1 rows)
-- > Msg 547, Level 16, State 0: The DELETE statement conflicted with the REFERENCE constraint "FK_q". The conflict occurred in database "db", table "dbo.ch", column 'q'.
-- > 10|1
-- > 11|3
-- > (1 rows)
-- > 100|10|3
-- > (1 rows)
-- > 10|9
CREATE TABLE wide (a int CHECK (a IN (1, 2, 3)), b varchar(10) CHECK (b LIKE 'x%'), c datetime CHECK (c > '2020-01-01' AND DATEPART(year, c) < 2030), d nvarchar(20) CHECK (LEN(d) > 2), e decimal(5,2) CHECK (e BETWEEN 0 AND 99.5), f AS UPPER(b) + '-' + CONVERT(varchar(10), a) PERSISTED)
INSERT wide (a, b, c, d, e) VALUES (1, 'xy', '2024-01-01', N'abc', 5)
INSERT wide (a) VALUES (4)
INSERT wide (b) VALUES ('y')
INSERT wide (c) VALUES ('2019-01-01')
INSERT wide (c) VALUES ('2031-01-01')
INSERT wide (d) VALUES ('ab')
INSERT wide (e) VALUES (99.6)
INSERT wide DEFAULT VALUES
SELECT a, f FROM wide
CREATE UNIQUE INDEX ixf ON wide (f) WHERE a = 1
INSERT wide (a, b) VALUES (1, 'XY')
GO
-- > (1 rows)
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK__wide__a__3D5E1FD2". The conflict occurred in database "db", table "dbo.wide", column 'a'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK__wide__b__3E52440B". The conflict occurred in database "db", table "dbo.wide", column 'b'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK__wide__c__3F466844". The conflict occurred in database "db", table "dbo.wide", column 'c'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK__wide__c__3F466844". The conflict occurred in database "db", table "dbo.wide", column 'c'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK__wide__d__403A8C7D". The conflict occurred in database "db", table "dbo.wide", column 'd'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK__wide__e__412EB0B6". The conflict occurred in database "db", table "dbo.wide", column 'e'.
-- > (1 rows)
-- > 1|XY-1
-- > NULL|NULL
-- > Msg 2601, Level 14, State 1: Cannot insert duplicate key row in object 'dbo.wide' with unique index 'ixf'. The duplicate key value is (<NULL>).
CREATE TABLE d1 (a int DEFAULT 1, b varchar(5) DEFAULT 'x' NOT NULL, c AS GETDATE())
CREATE TABLE d1 (a int DEFAULT 1, b varchar(5) DEFAULT 'x' NOT NULL)
INSERT d1 VALUES (DEFAULT, DEFAULT), (NULL, 'z')
INSERT d1 (a) SELECT 5
UPDATE d1 SET a = DEFAULT, b = DEFAULT WHERE b = 'z'
INSERT d1 (b) VALUES ((SELECT MAX(b) FROM d1)), ('q')
INSERT d1 (b, a) VALUES ('1', 1 + (SELECT COUNT(*) FROM d1))
SELECT * FROM d1
INSERT d1 SELECT 1
INSERT d1 SELECT 1, 'b', 3
INSERT d1 (a, b) SELECT 1
INSERT d1 (a, b) SELECT 1, 'b', 3
INSERT d1 (b) SELECT 'too long value'
UPDATE d1 SET b = b + 'too long'
UPDATE d1 SET b = NULL
GO
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'computed column that is not deterministic' is not supported in this version of SQL Server.
-- > (2 rows)
-- > (1 rows)
-- > (1 rows)
-- > (2 rows)
-- > (1 rows)
-- > 1|x
-- > 1|x
-- > 5|x
-- > 1|x
-- > 1|q
-- > 6|1
-- > Msg 213, Level 16, State 1: Column name or number of supplied values does not match table definition.
-- > Msg 213, Level 16, State 1: Column name or number of supplied values does not match table definition.
-- > Msg 120, Level 15, State 1: The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.
-- > Msg 121, Level 15, State 1: The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.
-- > Msg 2628, Level 16, State 1: String or binary data would be truncated in table 'db.dbo.d1', column 'b'. Truncated value: 'too l'.
-- > Msg 2628, Level 16, State 1: String or binary data would be truncated in table 'db.dbo.d1', column 'b'. Truncated value: 'xtoo '.
-- > Msg 515, Level 16, State 2: Cannot insert the value NULL into column 'b', table 'db.dbo.d1'; column does not allow nulls. UPDATE fails.
CREATE TABLE d3 (id int PRIMARY KEY, a date CONSTRAINT CK_past CHECK (a < GETDATE()), b int)
INSERT d3 VALUES (1, '2020-01-01', 1), (2, NULL, 1)
INSERT d3 VALUES (3, '2020-01-01', 1), (4, '2999-01-01', 1)
INSERT d3 VALUES (3, '2999-01-01', 1)
UPDATE d3 SET a = '2999-01-01' WHERE id = 1
UPDATE d3 SET b = 2, id = id + 1
MERGE d3 USING (VALUES (2), (9)) AS s(i) ON d3.id = s.i WHEN MATCHED THEN UPDATE SET a = '2998-01-01' WHEN NOT MATCHED THEN INSERT VALUES (s.i, NULL, 1);
ALTER TABLE d3 ADD CONSTRAINT CK_now CHECK (a > DATEADD(year, -1, GETDATE()))
ALTER TABLE d3 NOCHECK CONSTRAINT CK_past
INSERT d3 VALUES (5, '2999-01-01', 1)
ALTER TABLE d3 WITH CHECK CHECK CONSTRAINT CK_past
SELECT * FROM d3
CREATE TABLE d2 (a uniqueidentifier, b AS NEWID())
CREATE TABLE d2 (a int CHECK (a < (SELECT 1)))
CREATE TABLE d2 (a int DEFAULT (SELECT 1))
CREATE TABLE d2 (a int DEFAULT a)
CREATE TABLE d2 (a varbinary(4) UNIQUE, d date DEFAULT '2020-01-01', n int DEFAULT 'x')
INSERT d2 (a, n) VALUES (0x01, 1)
INSERT d2 (a, n) VALUES (0x01, 1)
INSERT d2 (a) VALUES (0x02)
SELECT * FROM d2
GO
-- > (2 rows)
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK_past". The conflict occurred in database "db", table "dbo.d3", column 'a'.
-- > Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK_past". The conflict occurred in database "db", table "dbo.d3", column 'a'.
-- > Msg 547, Level 16, State 0: The UPDATE statement conflicted with the CHECK constraint "CK_past". The conflict occurred in database "db", table "dbo.d3", column 'a'.
-- > (2 rows)
-- > Msg 547, Level 16, State 0: The MERGE statement conflicted with the CHECK constraint "CK_past". The conflict occurred in database "db", table "dbo.d3", column 'a'.
-- > Msg 547, Level 16, State 0: The ALTER TABLE statement conflicted with the CHECK constraint "CK_now". The conflict occurred in database "db", table "dbo.d3", column 'a'.
-- > (1 rows)
-- > Msg 547, Level 16, State 0: The ALTER TABLE statement conflicted with the CHECK constraint "CK_past". The conflict occurred in database "db", table "dbo.d3", column 'a'.
-- > 2|2020-01-01|2
-- > 3|NULL|2
-- > 5|2999-01-01|1
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'computed column that is not deterministic' is not supported in this version of SQL Server.
-- > Msg 1046, Level 15, State 1: Subqueries are not allowed in this context. Only scalar expressions are allowed.
-- > Msg 1046, Level 15, State 1: Subqueries are not allowed in this context. Only scalar expressions are allowed.
-- > Msg 128, Level 15, State 1: The name "a" is not permitted in this context. Valid expressions are constants, constant expressions, and (in some contexts) variables. Column names are not permitted.
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__d2__8361767248CFD27E'. Cannot insert duplicate key in object 'dbo.d2'. The duplicate key value is (0x01).
-- > Msg 245, Level 16, State 1: Conversion failed when converting the varchar value 'x' to data type int.
-- > 0x01|2020-01-01|1
