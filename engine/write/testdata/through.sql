CREATE TABLE t (id int PRIMARY KEY, grp int, v varchar(10), c AS grp * 2)
INSERT t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 2, 'd'), (5, 2, 'e')
GO
-- > (5 rows)
;WITH d AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY grp ORDER BY id) AS rn FROM t) DELETE FROM d WHERE rn > 1
SELECT id FROM t
GO
-- > (3 rows)
-- > 1
-- > 3
;WITH d AS (SELECT id, v AS text FROM t WHERE grp = 2) UPDATE d SET text = text + '!' OUTPUT deleted.v, inserted.v
;WITH d (k, w) AS (SELECT id, v FROM t) UPDATE d SET w = 'x' FROM d JOIN t ON t.id = d.k WHERE t.grp = 1
;WITH d AS (SELECT TOP (1) * FROM t ORDER BY id DESC) UPDATE d SET v = 'last'
;WITH d AS (SELECT id + 1 AS n FROM t) UPDATE d SET n = 5
;WITH d AS (SELECT DISTINCT id FROM t) DELETE FROM d
;WITH d AS (SELECT id FROM t) UPDATE d SET nope = 5
SELECT id, v FROM t
GO
-- > c|c!
-- > (1 rows)
-- > (1 rows)
-- > (1 rows)
-- > Msg 4406, Level 16, State 1: Update or insert of view or function 'd' failed because it contains a derived or constant field.
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'writing through a view or expression with DISTINCT' is not supported in this version of SQL Server.
-- > Msg 207, Level 16, State 1: Invalid column name 'nope'.
-- > 1|x
-- > 3|last
CREATE VIEW w AS SELECT id AS ident, v AS val, grp FROM t WHERE grp = 2
GO
INSERT w (ident, val, grp) VALUES (10, 'ten', 2)
INSERT w VALUES (11, 'eleven', 3)
UPDATE w SET val = 'upd' WHERE ident = 10
UPDATE w SET val += 'x', grp = grp + 0 WHERE val = 'upd'
DELETE FROM w WHERE ident = 3
DELETE FROM w WHERE ident = 11
INSERT w SELECT ident + 100, val, grp FROM w
SELECT * FROM w
SELECT id, grp, v FROM t
GO
-- > (1 rows)
-- > (1 rows)
-- > (1 rows)
-- > (1 rows)
-- > (1 rows)
-- > (0 rows)
-- > (1 rows)
-- > 10|updx|2
-- > 110|updx|2
-- > 1|1|x
-- > 10|2|updx
-- > 11|3|eleven
-- > 110|2|updx
CREATE VIEW g AS SELECT grp, COUNT(*) AS n FROM t GROUP BY grp
GO
UPDATE g SET n = 1
DELETE FROM g
INSERT g VALUES (1, 2)
GO
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'writing through a view or expression with GROUP BY' is not supported in this version of SQL Server.
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'writing through a view or expression with GROUP BY' is not supported in this version of SQL Server.
-- > Msg 40517, Level 16, State 1: Keyword or statement option 'writing through a view or expression with GROUP BY' is not supported in this version of SQL Server.
