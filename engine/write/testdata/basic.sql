CREATE TABLE dbo.t (id int IDENTITY(1,1) PRIMARY KEY, name nvarchar(20) NOT NULL, price decimal(10,2) DEFAULT 1.5, at datetime2(0) DEFAULT GETDATE(), u varchar(5) NULL UNIQUE)
GO
INSERT INTO t (name, u) VALUES (N'one', 'a'), (N'two', 'b'), (N'three', NULL)
SELECT * FROM t
GO
-- > (3 rows) identity 3
-- > 1|one|1.50|2024-02-29 13:14:15|a
-- > 2|two|1.50|2024-02-29 13:14:15|b
-- > 3|three|1.50|2024-02-29 13:14:15|NULL
INSERT INTO t (name, u) VALUES (N'four', NULL)
GO
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__t__812B4C2624927208'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (<NULL>).
INSERT t (name, price) OUTPUT inserted.id, inserted.name, inserted.price VALUES ('x', 12.345)
GO
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__t__812B4C2624927208'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (<NULL>).
INSERT INTO t (name) VALUES (NULL)
GO
-- > Msg 515, Level 16, State 2: Cannot insert the value NULL into column 'name', table 'db.dbo.t'; column does not allow nulls. INSERT fails.
INSERT INTO t (name) VALUES ('a very long name that does not fit')
GO
-- > Msg 2628, Level 16, State 1: String or binary data would be truncated in table 'db.dbo.t', column 'name'. Truncated value: 'a very long name tha'.
INSERT INTO t (id, name) VALUES (1, 'q')
GO
-- > Msg 544, Level 16, State 1: Cannot insert explicit value for identity column in table 't' when IDENTITY_INSERT is set to OFF.
SET IDENTITY_INSERT t ON
INSERT INTO t (id, name, u) VALUES (1, 'q', 'z')
INSERT INTO t (id, name, u) VALUES (100, 'hundred', 'z')
SET IDENTITY_INSERT t OFF
INSERT INTO t (name, u) VALUES ('next', 'A')
INSERT INTO t (name, u) VALUES ('next', 'n')
SELECT id, name FROM t
GO
-- > Msg 2627, Level 14, State 1: Violation of PRIMARY KEY constraint 'PK__t__339D07CC239E4DCF'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (1).
-- > (1 rows) identity 100
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__t__812B4C2624927208'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (A).
-- > (1 rows) identity 102
-- > 1|one
-- > 2|two
-- > 3|three
-- > 100|hundred
-- > 102|next
UPDATE t SET price = price * 2, name = name + '!' WHERE id = 1
UPDATE t SET price += 1 OUTPUT deleted.price, inserted.price, inserted.price - deleted.price AS d WHERE id < 3
UPDATE t SET u = 'a' WHERE id = 2
UPDATE t SET name = NULL
UPDATE t SET id = 5
GO
-- > (1 rows)
-- > 3.00|4.00|1.00
-- > 1.50|2.50|1.00
-- > (2 rows)
-- > Msg 2627, Level 14, State 1: Violation of UNIQUE KEY constraint 'UQ__t__812B4C2624927208'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (a).
-- > Msg 515, Level 16, State 2: Cannot insert the value NULL into column 'name', table 'db.dbo.t'; column does not allow nulls. UPDATE fails.
-- > Msg 8102, Level 16, State 1: Cannot update identity column 'id'.
DELETE FROM t WHERE id = 2
DELETE TOP (1) FROM t OUTPUT deleted.id, deleted.name
DELETE t
SELECT COUNT(*) FROM t
INSERT t (name) VALUES ('after')
GO
-- > (1 rows)
-- > 1|one!
-- > (1 rows)
-- > (3 rows)
-- > 0
-- > (1 rows) identity 103
TRUNCATE TABLE t
INSERT t (name) VALUES ('again')
SELECT id FROM t
GO
-- > (0 rows)
-- > (1 rows) identity 1
-- > 1
INSERT t DEFAULT VALUES
INSERT t VALUES ('a')
INSERT t VALUES ('a', 1, '2020-01-02', 'k', 7)
INSERT t VALUES ('a', 1, '2020-01-02', 'k')
INSERT t (name) VALUES ('a', 'b')
INSERT t (name, u) VALUES ('a')
INSERT t (name, name) VALUES ('a', 'b')
INSERT t (nope) VALUES ('a')
INSERT nope VALUES ('a')
GO
-- > Msg 515, Level 16, State 2: Cannot insert the value NULL into column 'name', table 'db.dbo.t'; column does not allow nulls. INSERT fails.
-- > Msg 213, Level 16, State 1: Column name or number of supplied values does not match table definition.
-- > Msg 213, Level 16, State 1: Column name or number of supplied values does not match table definition.
-- > (1 rows) identity 3
-- > Msg 110, Level 15, State 1: There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.
-- > Msg 109, Level 15, State 1: There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.
-- > Msg 264, Level 16, State 1: The column name 'name' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.
-- > Msg 207, Level 16, State 1: Invalid column name 'nope'.
-- > Msg 208, Level 16, State 1: Invalid object name 'nope'.
