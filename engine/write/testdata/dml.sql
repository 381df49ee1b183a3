CREATE TABLE t (id int PRIMARY KEY, v int, s varchar(10))
CREATE TABLE u (id int, w int)
INSERT t SELECT 1, 10, 'a' UNION ALL SELECT 2, 20, 'b' UNION ALL SELECT 3, 30, 'c'
INSERT u VALUES (1, 100), (2, 200), (2, 201), (9, 900)
GO
-- > (3 rows)
-- > (4 rows)
INSERT t SELECT id + 10, v, s FROM t
SELECT * FROM t
INSERT TOP (2) INTO u (id) SELECT id FROM t ORDER BY id DESC
SELECT * FROM u
GO
-- > (3 rows)
-- > 1|10|a
-- > 2|20|b
-- > 3|30|c
-- > 11|10|a
-- > 12|20|b
-- > 13|30|c
-- > (2 rows)
-- > 1|100
-- > 2|200
-- > 2|201
-- > 9|900
-- > 13|NULL
-- > 12|NULL
UPDATE t SET v = u.w FROM t JOIN u ON u.id = t.id WHERE t.id < 10
UPDATE x SET s = 'j' FROM t AS x LEFT JOIN u ON u.id = x.id WHERE u.id IS NULL AND x.id < 10
UPDATE t SET v = 0 FROM u WHERE u.id = t.id AND u.w = 100
SELECT id, v, s FROM t
GO
-- > (2 rows)
-- > (1 rows)
-- > (1 rows)
-- > 1|0|a
-- > 2|200|b
-- > 3|30|j
-- > 11|10|a
-- > 12|20|b
-- > 13|30|c
DELETE t FROM t JOIN u ON u.id = t.id WHERE u.w = 200
DELETE FROM u WHERE id IN (SELECT id FROM t)
SELECT id FROM t
SELECT * FROM u
GO
-- > (1 rows)
-- > (3 rows)
-- > 1
-- > 3
-- > 11
-- > 12
-- > 13
-- > 2|200
-- > 2|201
-- > 9|900
DECLARE @a int, @b int
UPDATE t SET @a = v, @b = v = v + 1 WHERE id = 3
SELECT @a, @b
UPDATE t SET @a = @a + v
UPDATE TOP (1) t SET s = 'top'
SET ROWCOUNT 2
UPDATE t SET s = 'rc'
DELETE FROM t
SET ROWCOUNT 0
SELECT id, s FROM t
GO
-- > (1 rows)
-- > 30|31
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'UPDATE SET @variable computed from a variable that it sets' is not supported in this version of SQL Server.
-- > (1 rows)
-- > (2 rows)
-- > (2 rows)
-- > 11|a
-- > 12|b
-- > 13|c
WITH c AS (SELECT id, v FROM t WHERE id > 11) UPDATE t SET v = c.v * 2 FROM t JOIN c ON c.id = t.id
UPDATE t SET v = (SELECT MAX(v) FROM t) + 1
SELECT * FROM t
UPDATE t SET nope = 1
UPDATE t SET v = 1, v = 2
UPDATE t SET v = 'abc'
UPDATE t SET v = 3000000000
UPDATE nope SET v = 1
UPDATE t SET v = 1 WHERE nope = 2
DELETE FROM nope
GO
-- > (2 rows)
-- > (3 rows)
-- > 11|61|a
-- > 12|61|b
-- > 13|61|c
-- > Msg 207, Level 16, State 1: Invalid column name 'nope'.
-- > Msg 264, Level 16, State 1: The column name 'v' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.
-- > Msg 245, Level 16, State 1: Conversion failed when converting the varchar value 'abc' to data type int.
-- > Msg 8115, Level 16, State 2: Arithmetic overflow error converting numeric to data type int.
-- > Msg 208, Level 16, State 1: Invalid object name 'nope'.
-- > Msg 207, Level 16, State 1: Invalid column name 'nope'.
-- > Msg 208, Level 16, State 1: Invalid object name 'nope'.
CREATE TABLE log (id int IDENTITY, what nvarchar(10), old int, new int)
INSERT t OUTPUT 'ins', NULL, inserted.id INTO log (what, old, new) VALUES (50, 1, 'x'), (51, 2, 'y')
UPDATE t SET id = id + 1 OUTPUT 'upd', deleted.id, inserted.id INTO log WHERE id >= 50
DELETE FROM t OUTPUT 'del', deleted.id, NULL INTO log (what, old, new) OUTPUT deleted.s WHERE id > 50
SELECT * FROM log
GO
-- > (2 rows)
-- > (2 rows)
-- > x
-- > y
-- > (2 rows)
-- > 1|ins|NULL|50
-- > 2|ins|NULL|51
-- > 3|upd|50|51
-- > 4|upd|51|52
-- > 5|del|51|NULL
-- > 6|del|52|NULL
DECLARE @tv TABLE (id int PRIMARY KEY, n nvarchar(10) DEFAULT 'd')
INSERT @tv (id) VALUES (1), (2)
UPDATE @tv SET n = 'x' WHERE id = 1
DELETE FROM @tv WHERE id = 2
INSERT @tv (id) VALUES (1)
SELECT * FROM @tv
CREATE TABLE #tmp (a int PRIMARY KEY, b int IDENTITY)
INSERT #tmp (a) SELECT id FROM log
INSERT #tmp (a) VALUES (1)
SELECT * FROM #tmp
DROP TABLE #tmp
GO
-- > (2 rows)
-- > (1 rows)
-- > (1 rows)
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__@tv__047B1A27DC61B231'. Cannot insert duplicate key in object '@tv'. The duplicate key value is (1).
-- > 1|x
-- > (6 rows) identity 6
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__#tmp__C5962A13D9854586'. Cannot insert duplicate key in object 'dbo.#tmp'. The duplicate key value is (1).
-- > 1|1
-- > 2|2
-- > 3|3
-- > 4|4
-- > 5|5
-- > 6|6
CREATE TABLE m (id int PRIMARY KEY, q int, n varchar(10) DEFAULT 'new')
CREATE TABLE src (id int, q int)
INSERT m VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')
INSERT src VALUES (1, 10), (2, 0), (4, 40), (5, 50)
MERGE m AS t USING src AS s ON t.id = s.id WHEN MATCHED AND s.q = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET q = s.q, n = 'upd' WHEN NOT MATCHED AND s.id = 4 THEN INSERT (id, q) VALUES (s.id, s.q) WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 'gone' OUTPUT $action, inserted.id, deleted.id, s.q, inserted.n;
SELECT * FROM m
MERGE m USING (VALUES (1, 5), (1, 6)) AS s(id, q) ON m.id = s.id WHEN MATCHED THEN UPDATE SET q = s.q;
MERGE INTO m USING src s ON m.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.q, 'z') WHEN NOT MATCHED BY SOURCE THEN DELETE;
SELECT * FROM m
MERGE m USING src s ON m.id = s.id WHEN MATCHED THEN UPDATE SET q = 1 WHEN MATCHED AND 1=1 THEN DELETE;
GO
-- > (3 rows)
-- > (4 rows)
-- > DELETE|NULL|2|0|NULL
-- > UPDATE|1|1|10|upd
-- > UPDATE|3|3|NULL|gone
-- > INSERT|4|NULL|40|new
-- > (4 rows)
-- > 1|10|upd
-- > 3|3|gone
-- > 4|40|new
-- > Msg 8672, Level 16, State 1: The MERGE statement attempted to UPDATE or DELETE the same row more than once. This happens when a target row matches more than one source row. A MERGE statement cannot UPDATE/DELETE the same row of the target table multiple times. Refine the ON clause to ensure a target row matches at most one source row, or use the GROUP BY clause to group the source rows.
-- > (3 rows)
-- > 1|10|upd
-- > 2|0|z
-- > 4|40|new
-- > 5|50|z
-- > Msg 5324, Level 15, State 1: In a MERGE statement, a 'WHEN MATCHED' clause with a search condition cannot appear after a 'WHEN MATCHED' clause with no search condition.
CREATE TABLE types (a bit, b tinyint, c smallint, d int, e bigint, f decimal(30,10), g money, h real, i float, j date, k time(3), l smalldatetime, m datetime, n datetime2, o datetimeoffset, p char(5), q nvarchar(max), r binary(4), s varbinary(max), u uniqueidentifier, v sql_variant, w xml, x smallmoney, y ntext)
INSERT types VALUES (1, 255, -5, 7, 9000000000, 12345678901234567890.0123456789, 1.2345, 1.5, 2.5, '2024-02-29', '12:34:56.789', '2024-02-29 12:34:31', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.7891234', '2024-02-29 12:34:56 +02:00', 'ab', N'héllo', 0x0102, 0xDEADBEEF, '6F9619FF-8B86-D011-B42D-00C04FC964FF', 5, N'<a/>', 3.5, N'x')
SELECT * FROM types
INSERT types (b) VALUES (256)
INSERT types (c) VALUES (40000)
INSERT types (d) VALUES ('x')
INSERT types (j) VALUES ('2024-02-30')
INSERT types (f) VALUES (1e30)
INSERT types (p) VALUES ('abcdef')
INSERT types (r) VALUES (0x0102030405)
INSERT types (m) VALUES (1), (DEFAULT)
INSERT types (j) VALUES (1)
UPDATE types SET q = q + N'!', s = s + 0x00 WHERE a = 1
SELECT q, s, r, p FROM types WHERE a = 1
GO
-- > (1 rows)
-- > 1|255|-5|7|9000000000|12345678901234567890.0123456789|1.23|1.5|2.5|2024-02-29|12:34:56.789|Feb 29 2024 12:35PM|Feb 29 2024 12:34PM|2024-02-29 12:34:56.7891234|2024-02-29 12:34:56.0000000 +02:00|ab   |héllo|0x01020000|0xDEADBEEF|6F9619FF-8B86-D011-B42D-00C04FC964FF|5|<a/>|3.50|x
-- > Msg 220, Level 16, State 2: Arithmetic overflow error for data type tinyint, value = 256.
-- > Msg 220, Level 16, State 1: Arithmetic overflow error for data type smallint, value = 40000.
-- > Msg 245, Level 16, State 1: Conversion failed when converting the varchar value 'x' to data type int.
-- > Msg 241, Level 16, State 1: Conversion failed when converting date and/or time from character string.
-- > Msg 8115, Level 16, State 2: Arithmetic overflow error converting float to data type numeric.
-- > Msg 2628, Level 16, State 1: String or binary data would be truncated in table 'db.dbo.types', column 'p'. Truncated value: 'abcde'.
-- > Msg 2628, Level 16, State 1: String or binary data would be truncated in table 'db.dbo.types', column 'r'. Truncated value: ''.
-- > (2 rows)
-- > Msg 206, Level 16, State 2: Operand type clash: int is incompatible with date
-- > (1 rows)
-- > héllo!|0xDEADBEEF00|0x01020000|ab   
CREATE TABLE guids (id uniqueidentifier NOT NULL DEFAULT NEWID() PRIMARY KEY, n int DEFAULT (1 + 2))
INSERT guids (n) VALUES (1), (2)
INSERT guids DEFAULT VALUES
SELECT COUNT(DISTINCT id), SUM(n) FROM guids
GO
-- > (2 rows)
-- > (1 rows)
-- > 3|6
BEGIN TRAN
INSERT log (what) VALUES ('x')
ROLLBACK
INSERT log (what) VALUES ('y')
SELECT MAX(id) FROM log
CREATE TABLE tiny (a tinyint IDENTITY(254, 1), b int)
INSERT tiny VALUES (1), (2)
INSERT tiny VALUES (1)
CREATE TABLE down (a int IDENTITY(0, -5), b int)
INSERT down VALUES (1), (2)
SELECT a FROM down
GO
-- > (1 rows) identity 7
-- > (1 rows) identity 8
-- > 8
-- > (2 rows) identity 255
-- > Msg 8115, Level 16, State 1: Arithmetic overflow error converting IDENTITY to data type tinyint.
-- > (2 rows) identity -5
-- > 0
-- > -5
CREATE TABLE src2 (id int, z int)
INSERT src2 VALUES (5, 55), (4, 44)
INSERT m VALUES (77, 7, 'keep')
MERGE m USING (src s JOIN src2 ON src2.id = s.id) ON m.id = s.id WHEN MATCHED THEN UPDATE SET q = z WHEN NOT MATCHED BY SOURCE AND m.id = 77 THEN DELETE OUTPUT $action, s.id, src2.z, deleted.n, inserted.q + 1;
MERGE m USING src2 ON m.id = src2.id WHEN MATCHED THEN UPDATE SET id = m.id + 1 OUTPUT deleted.id, inserted.id;
SELECT * FROM m
GO
-- > (2 rows)
-- > (1 rows)
-- > DELETE|NULL|NULL|keep|NULL
-- > UPDATE|4|44|new|45
-- > UPDATE|5|55|z|56
-- > (3 rows)
-- > 5|6
-- > 4|5
-- > (2 rows)
-- > 1|10|upd
-- > 2|0|z
-- > 5|44|new
-- > 6|55|z
