CREATE TABLE dbo.t (id int IDENTITY(1,1) PRIMARY KEY, name nvarchar(20) NOT NULL, price decimal(10,2) DEFAULT 1.5, at datetime2(0) DEFAULT GETDATE(), u varchar(5) NULL UNIQUE)
GO
INSERT INTO t (name, u) VALUES (N'one', 'a'), (N'two', 'b'), (N'three', NULL)
SELECT * FROM t
GO
INSERT INTO t (name, u) VALUES (N'four', NULL)
GO
INSERT t (name, price) OUTPUT inserted.id, inserted.name, inserted.price VALUES ('x', 12.345)
GO
INSERT INTO t (name) VALUES (NULL)
GO
INSERT INTO t (name) VALUES ('a very long name that does not fit')
GO
INSERT INTO t (id, name) VALUES (1, 'q')
GO
SET IDENTITY_INSERT t ON
INSERT INTO t (id, name, u) VALUES (1, 'q', 'z')
INSERT INTO t (id, name, u) VALUES (100, 'hundred', 'z')
SET IDENTITY_INSERT t OFF
INSERT INTO t (name, u) VALUES ('next', 'A')
INSERT INTO t (name, u) VALUES ('next', 'n')
SELECT id, name FROM t
GO
UPDATE t SET price = price * 2, name = name + '!' WHERE id = 1
UPDATE t SET price += 1 OUTPUT deleted.price, inserted.price, inserted.price - deleted.price AS d WHERE id < 3
UPDATE t SET u = 'a' WHERE id = 2
UPDATE t SET name = NULL
UPDATE t SET id = 5
GO
DELETE FROM t WHERE id = 2
DELETE TOP (1) FROM t OUTPUT deleted.id, deleted.name
DELETE t
SELECT COUNT(*) FROM t
INSERT t (name) VALUES ('after')
GO
TRUNCATE TABLE t
INSERT t (name) VALUES ('again')
SELECT id FROM t
GO
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
