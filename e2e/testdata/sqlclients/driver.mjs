// Drives a server at SQLSERVER_DSN, on which clients.sql was run, with tedious: encryption, types both ways, output and table parameters, errors, prepared statements,
// transactions, reset, cancel, large values and bulk load. Run it where tedious is installed.
import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { createRequire } from 'node:module';
const tedious = createRequire(path.join(process.cwd(), 'package.json'))('tedious');
const { Connection, Request, TYPES } = tedious;
const u = new URL(process.env.SQLSERVER_DSN);

function connect(encrypt = true, more = {}) {
  const connection = new Connection({
    server: u.hostname,
    authentication: { type: 'default', options: { userName: u.username, password: decodeURIComponent(u.password) } },
    options: { port: Number(u.port), encrypt, database: 'Clients', requestTimeout: 0, connectTimeout: 300000, cryptoCredentialsDetails: { ca: fs.readFileSync(u.searchParams.get('certificate')) }, ...more },
  });
  connection.on('error', () => {});
  return new Promise((resolve, reject) => connection.connect((err) => err ? reject(err) : resolve(connection)));
}

function run(connection, method, sql, add) {
  return new Promise((resolve, reject) => {
    const sets = [];
    const outs = {};
    const columns = [];
    const request = new Request(sql, (err, count) => err ? reject(err) : resolve({ sets, rows: sets[0], outs, columns, count }));
    request.on('columnMetadata', (c) => { sets.push([]); columns.push(c); });
    request.on('row', (cols) => sets.at(-1).push(cols.map((c) => c.value)));
    request.on('returnValue', (name, value) => { outs[name] = value; });
    if (add) add(request);
    connection[method](request);
  });
}
const step = (f) => new Promise((resolve, reject) => f((err) => err ? reject(err) : resolve()));

for (const encrypt of [true, 'strict']) {
  test(`encrypt ${encrypt}`, async () => {
    const c = await connect(encrypt, encrypt === 'strict' ? { serverName: 'localhost' } : {});
    assert.deepEqual((await run(c, 'execSql', "SELECT encrypt_option, DB_NAME() FROM sys.dm_exec_connections WHERE session_id = @@SPID")).rows, [['TRUE', 'Clients']]);
    c.close();
  });
}

test('parameters of every type, both ways', async () => {
  const c = await connect();
  const at = new Date('2024-02-29T13:14:15.123Z');
  const cases = [
    ['Bit', 'bit', true], ['TinyInt', 'tinyint', 255], ['SmallInt', 'smallint', -5], ['Int', 'int', 7], ['BigInt', 'bigint', '-9007199254740993'], ['Float', 'float', 0.1], ['Real', 'real', 1.5],
    ['Decimal', 'decimal(10,2)', -1234.5, { precision: 10, scale: 2 }], ['Numeric', 'numeric(38,3)', 1.25, { precision: 38, scale: 3 }], ['Money', 'money', -1.5], ['SmallMoney', 'smallmoney', 2.25],
    ['VarChar', 'varchar(max)', 'x'.repeat(9000)], ['VarChar', 'varchar(20)', 'vär€'], ['NVarChar', 'nvarchar(10)', 'nä\u{1F600}'], ['NVarChar', 'nvarchar(max)', 'ñ'.repeat(50000)], ['Char', 'char(3)', 'abc', { length: 3 }],
    ['NChar', 'nchar(2)', '日本', { length: 2 }], ['Text', 'text', 'text'], ['NText', 'ntext', 'ntöxt'], ['VarBinary', 'varbinary(5)', Buffer.from([1, 2, 3])], ['VarBinary', 'varbinary(max)', Buffer.alloc(20000, 7)],
    ['Binary', 'binary(1)', Buffer.from([9]), { length: 1 }], ['Image', 'image', Buffer.from([5, 6])], ['UniqueIdentifier', 'uniqueidentifier', '6F9619FF-8B86-D011-B42D-00C04FC964FF'],
    ['DateTime', 'datetime', at], ['DateTime2', 'datetime2(3)', at, { scale: 3 }], ['DateTimeOffset', 'datetimeoffset(3)', at, { scale: 3 }], ['Date', 'date', new Date('2024-02-29T00:00:00Z')],
    ['SmallDateTime', 'smalldatetime', new Date('2024-02-29T13:14:00Z')], ['Time', 'time(3)', new Date('1970-01-01T13:14:15.123Z'), { scale: 3 }],
  ];
  const same = (got, value, name) => {
    if (value instanceof Date) assert.equal(got.toISOString(), value.toISOString(), name);
    else if (Buffer.isBuffer(value)) assert.ok(value.equals(got), name);
    else assert.equal(String(got), String(value), name);
  };
  for (const [type, declared, value, options] of cases) {
    for (const v of [value, null]) {
      let result;
      const large = ['Text', 'NText', 'Image'].includes(type);
      try {
        result = await run(c, 'execSql', 'SELECT @p AS p' + (large ? '' : '; SET @o = @p'), (r) => {
          r.addParameter('p', TYPES[type], v, options);
          if (!large) r.addOutputParameter('o', TYPES[type], null, options ?? (declared.endsWith('(max)') ? { length: 'max' } : undefined));
        });
      } catch (e) { throw new Error(`${type} ${declared}: ${e.message}`); }
      if (v === null) {
        assert.equal(result.rows[0][0], null, declared);
        if (!large) assert.equal(result.outs.o, null, declared);
      } else {
        same(result.rows[0][0], value, declared);
        if (!large) same(result.outs.o, value, `${declared} out`);
      }
    }
    const column = (await run(c, 'execSql', `DECLARE @t TABLE (c ${declared}); INSERT @t VALUES (@p), (NULL); SELECT c FROM @t`, (r) => r.addParameter('p', TYPES[type], value, options))).rows;
    same(column[0][0], value, `${declared} stored`);
    assert.equal(column[1][0], null);
  }
  c.close();
});

test('a procedure: output parameters, return status, table parameter', async () => {
  const c = await connect();
  const { outs } = await run(c, 'callProcedure', 'dbo.twice', (r) => {
    r.addParameter('n', TYPES.Int, 21);
    r.addOutputParameter('r', TYPES.Int);
    r.addOutputParameter('s', TYPES.NVarChar, null, { length: 'max' });
  });
  assert.deepEqual(outs, { r: 42, s: 'n=21' });
  const table = { name: 'Lines', schema: 'dbo', columns: [{ name: 'id', type: TYPES.Int }, { name: 's', type: TYPES.NVarChar, length: 20 }], rows: [] };
  for (let i = 0; i < 500; i++) table.rows.push([i, i % 2 ? null : 'ä']);
  const { rows } = await run(c, 'callProcedure', 'dbo.sumLines', (r) => r.addParameter('t', TYPES.TVP, table));
  assert.deepEqual(rows, [[500, 124750, 250]]);
  c.close();
});

test('errors with numbers and lines, in the middle of results', async () => {
  const c = await connect();
  await assert.rejects(run(c, 'execSqlBatch', 'SELECT 1\nSELECT 1/0\nSELECT 2'), (e) => e.number === 8134 && e.lineNumber === 2 && e.class === 16);
  await assert.rejects(run(c, 'execSqlBatch', '\n\nSELECT * FROM dbo.nothere'), (e) => e.number === 208 && e.lineNumber === 3);
  await assert.rejects(run(c, 'execSql', 'SELECT 1;\nSELECT nope FROM dbo.big'), (e) => e.number === 207 && e.lineNumber === 2);
  await assert.rejects(run(c, 'execSqlBatch', "RAISERROR(N'own %d', 16, 3, 5)"), (e) => e.number === 50000 && e.state === 3 && e.message === 'own 5');
  await assert.rejects(run(c, 'execSqlBatch', "THROW 51000, 'thrown', 9"), (e) => e.number === 51000 && e.state === 9);
  await assert.rejects(run(c, 'callProcedure', 'dbo.fails'), (e) => e.number === 2627 && e.procName === 'dbo.fails' || e.procName === 'fails');
  const { sets } = await run(c, 'execSqlBatch', "SELECT 1 PRINT 'x' SELECT 2, 3 SELECT 4 WHERE 1 = 0");
  assert.deepEqual(sets, [[[1]], [[2, 3]], []]);
  c.close();
});

test('prepare, execute, unprepare', async () => {
  const c = await connect();
  const rows = [];
  const request = new Request('SELECT @p * 2', () => {});
  request.addParameter('p', TYPES.Int);
  await new Promise((resolve, reject) => { request.on('prepared', resolve); request.on('error', reject); c.prepare(request); });
  for (const p of [1, 2, 3]) {
    await new Promise((resolve, reject) => {
      request.removeAllListeners('row');
      request.on('row', (cols) => rows.push(cols[0].value));
      request.callback = (err) => err ? reject(err) : resolve();
      c.execute(request, { p });
    });
  }
  assert.deepEqual(rows, [2, 4, 6]);
  await new Promise((resolve, reject) => { request.callback = (err) => err ? reject(err) : resolve(); c.unprepare(request); });
  c.close();
});

test('transactions and reset', async () => {
  const c = await connect();
  const count = async () => (await run(c, 'execSql', 'SELECT COUNT(*) FROM dbo.tran1')).rows[0][0];
  await run(c, 'execSqlBatch', 'CREATE TABLE dbo.tran1 (a int)');
  await step((cb) => c.beginTransaction(cb, 'tran'));
  await run(c, 'execSql', 'INSERT dbo.tran1 VALUES (1)');
  await step((cb) => c.saveTransaction(cb, 'save'));
  await run(c, 'execSql', 'INSERT dbo.tran1 VALUES (2)');
  await step((cb) => c.rollbackTransaction(cb, 'save'));
  assert.equal(await count(), 1);
  await step((cb) => c.commitTransaction(cb));
  await step((cb) => c.beginTransaction(cb));
  await run(c, 'execSql', 'INSERT dbo.tran1 VALUES (3)');
  await step((cb) => c.rollbackTransaction(cb));
  assert.equal(await count(), 1);
  await run(c, 'execSqlBatch', 'CREATE TABLE #t (a int); USE master; SET LOCK_TIMEOUT 77; SET DATEFIRST 3; BEGIN TRAN');
  await step((cb) => c.reset(cb));
  assert.deepEqual((await run(c, 'execSqlBatch', "SELECT DB_NAME(), OBJECT_ID('tempdb..#t'), @@LOCK_TIMEOUT, @@TRANCOUNT, @@DATEFIRST")).rows, [['Clients', null, -1, 0, 7]]);
  c.close();
});

test('cancel', async () => {
  const c = await connect();
  for (const sql of ["WAITFOR DELAY '00:00:30'", 'DECLARE @n int = 0; WHILE 1 = 1 SET @n = @n + 1', 'SELECT COUNT_BIG(*) FROM dbo.big a CROSS JOIN dbo.big b CROSS JOIN dbo.big c', 'WHILE 1 = 1 SELECT * FROM dbo.big']) {
    await new Promise((resolve, reject) => {
      const request = new Request(sql, (err) => err && err.code === 'ECANCEL' ? resolve() : reject(err ?? new Error(`not cancelled: ${sql}`)));
      c.execSqlBatch(request);
      setTimeout(() => c.cancel(), 100);
    });
    assert.deepEqual((await run(c, 'execSqlBatch', 'SELECT 1')).rows, [[1]]);
  }
  c.close();
});

test('large values and bulk load', async () => {
  const c = await connect();
  const text = 'äb'.repeat(5 << 20);
  const blob = Buffer.alloc(10 << 20, 0xA5);
  await run(c, 'execSql', 'INSERT dbo.large (id, t, b) VALUES (2, @t, @b)', (r) => {
    r.addParameter('t', TYPES.NVarChar, text);
    r.addParameter('b', TYPES.VarBinary, blob);
  });
  const { rows: [[t, b]] } = await run(c, 'execSql', 'SELECT t, b FROM dbo.large WHERE id = 2');
  assert.ok(t === text && blob.equals(b));
  await new Promise((resolve, reject) => {
    const bulk = c.newBulkLoad('dbo.bulked', { checkConstraints: true, keepNulls: true }, (err, n) => err ? reject(err) : n === 3000 ? resolve() : reject(new Error(`${n} rows`)));
    bulk.addColumn('id', TYPES.Int, { nullable: false });
    bulk.addColumn('s', TYPES.NVarChar, { length: 'max', nullable: true });
    bulk.addColumn('d', TYPES.DateTime2, { nullable: true, scale: 7 });
    bulk.addColumn('n', TYPES.Decimal, { nullable: true, precision: 10, scale: 2 });
    c.execBulkLoad(bulk, Array.from({ length: 3000 }, (_, i) => [i, i % 3 ? 'ö'.repeat(i % 500) : null, new Date(1e12 + i), i / 4]));
  });
  assert.deepEqual((await run(c, 'execSql', 'SELECT COUNT(*), COUNT(s), SUM(n) FROM dbo.bulked')).rows, [[3000, 2000, 1124625]]);
  c.close();
});
