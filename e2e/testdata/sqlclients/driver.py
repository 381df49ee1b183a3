# Drives the server "srv" of freetds.conf, on which clients.sql was run, with pymssql.
import datetime, decimal, os, uuid
import pymssql

def connect(**more):
    return pymssql.connect(server='srv', port=os.environ['TDSPORT'], user='dba', password=os.environ['TDSPASSWORD'], database='Clients', tds_version='7.3', **more)

# DB-Library asks for none of the ANSI settings at its login, and pymssql sets them behind it. Without that a division by zero is NULL, as on any SQL Server.
old = connect(conn_properties='').cursor()
old.execute('SELECT 1/0')
assert old.fetchall() == [(None,)]
c = connect()
cur = c.cursor()
cur.execute('SELECT DB_NAME(), encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID')
assert cur.fetchall() == [('Clients', 'TRUE')]
cur.execute("SELECT CAST(1 AS bit), CAST(255 AS tinyint), CAST(-5 AS smallint), CAST(7 AS int), CAST(-9007199254740993 AS bigint), CAST(0.1 AS float), CAST(-1234.5 AS decimal(10,2)),"
            " CAST(-1.5 AS money), CAST('2024-02-29T13:14:15.123' AS datetime), CAST('2024-02-29' AS date), CAST('13:14:15' AS time), CAST('2024-02-29T13:14:15' AS datetime2),"
            " N'nä€', REPLICATE(CAST('m' AS varchar(max)), 70000), CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier), 0x010203, NULL")
row = cur.fetchone()
assert row[:6] == (True, 255, -5, 7, -9007199254740993, 0.1), row
assert row[6:8] == (decimal.Decimal('-1234.50'), decimal.Decimal('-1.5000')), row
assert row[8] == datetime.datetime(2024, 2, 29, 13, 14, 15, 123000) or row[8].microsecond in (123000, 123333), row[8]
assert row[12] == 'nä€' and row[13] == 'm' * 70000, row[12]
assert uuid.UUID(str(row[14])) == uuid.UUID('6F9619FF-8B86-D011-B42D-00C04FC964FF') and row[15] == b'\x01\x02\x03' and row[16] is None
cur.execute('SELECT %s, %d, %s', ("it's ü", 5, None))
assert cur.fetchall() == [("it's ü", 5, None)]
cur.execute("SELECT 1 PRINT 'between' SELECT 2, 3")
assert cur.fetchall() == [(1,)] and cur.nextset() and cur.fetchall() == [(2, 3)]
out = cur.callproc('dbo.twice', (21, pymssql.output(int), pymssql.output(str)))
assert out[1] == 42 and out[2] == 'n=21', out
for sql, number in (('SELECT 1/0', 8134), ('SELECT 1/a FROM (VALUES (1), (0)) v(a)', 8134), ('SELECT 1; SELECT 1/0', 8134), ('DECLARE @a int = 1/0', 8134), ('SELECT * FROM dbo.nothere', 208), ("RAISERROR('x', 16, 1)", 50000), ('EXEC dbo.fails', 2627)):
    try:
        cur.execute(sql)
        cur.fetchall()
        while cur.nextset():
            cur.fetchall()
        raise SystemExit('no error: ' + sql)
    except pymssql.Error as e:
        assert e.args[0] == number, (sql, e)
c.rollback()
cur.execute('CREATE TABLE dbo.py (a int NOT NULL PRIMARY KEY, b nvarchar(50))')
c.commit()
cur.executemany('INSERT dbo.py VALUES (%d, %s)', [(i, 'row %d' % i) for i in range(200)])
c.rollback()
cur.execute('SELECT COUNT(*) FROM dbo.py')
assert cur.fetchone() == (0,)
cur.executemany('INSERT dbo.py VALUES (%d, %s)', [(i, 'row %d' % i) for i in range(200)])
c.commit()
other = connect(autocommit=True).cursor()
other.execute('SELECT COUNT(*), MAX(b) FROM dbo.py')
assert other.fetchone() == (200, 'row 99')
big = 'x' * (10 << 20)
cur.execute('INSERT dbo.large (id, t) VALUES (3, %s)', (big,))
cur.execute('SELECT t FROM dbo.large WHERE id = 3')
assert cur.fetchone()[0] == big
c.commit()
c.close()
print('fine')
