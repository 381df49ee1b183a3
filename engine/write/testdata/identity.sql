CREATE TABLE t (id int IDENTITY PRIMARY KEY, a int)
INSERT t VALUES (1), (2), (3)
GO
-- > (3 rows) identity 3
BEGIN TRAN
TRUNCATE TABLE t
INSERT t VALUES (9)
SELECT * FROM t
ROLLBACK
INSERT t VALUES (4)
SELECT * FROM t
GO
-- > (0 rows)
-- > (1 rows) identity 1
-- > 1|9
-- > (1 rows) identity 4
-- > 1|1
-- > 2|2
-- > 3|3
-- > 4|4
BEGIN TRAN
INSERT t VALUES (5), (6)
ROLLBACK
INSERT t VALUES (7)
GO
-- > (2 rows) identity 6
-- > (1 rows) identity 7
BEGIN TRAN
CREATE TABLE a (id int IDENTITY, x int)
INSERT a VALUES (1), (2)
ROLLBACK
CREATE TABLE b (id int IDENTITY, x int)
INSERT b VALUES (1)
GO
-- > (2 rows) identity 2
-- > (1 rows) identity 1
TRUNCATE TABLE t
INSERT t VALUES (1)
DELETE FROM t
INSERT t VALUES (2)
DROP TABLE t
CREATE TABLE t (id int IDENTITY(100, -10) PRIMARY KEY, a int)
INSERT t VALUES (1), (2)
SET IDENTITY_INSERT t ON
INSERT t (id, a) VALUES (1000, 3), (50, 4)
SET IDENTITY_INSERT t OFF
INSERT t VALUES (5)
SELECT * FROM t
GO
-- > (0 rows)
-- > (1 rows) identity 1
-- > (1 rows)
-- > (1 rows) identity 2
-- > (2 rows) identity 90
-- > (2 rows) identity 50
-- > (1 rows) identity 40
-- > 40|5
-- > 50|4
-- > 90|2
-- > 100|1
-- > 1000|3
