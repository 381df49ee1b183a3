// Drives a TDS server at TDS_PORT with tedious: the encryption modes, types, parameters, errors, cancel, reset, prepared
// statements, transactions, table parameters and bulk load. The server answers as server_test.go beside package conn says.
import { afterEach, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import tedious from 'tedious';

const { Connection, Request, TYPES } = tedious;
const port = Number(process.env.TDS_PORT);
const clear = process.env.TDS_CLEAR === '1';

const open = [];
afterEach(() => { // a test that failed left its connection, and with it this process would not end
  for (const c of open.splice(0)) c.close();
});

function connect(encrypt, more = {}) {
  const config = {
    server: 'localhost',
    authentication: { type: 'default', options: { userName: process.env.TDS_USER, password: process.env.TDS_PASSWORD } },
    options: { port, encrypt, database: 'db1', workstationId: 'client', requestTimeout: 0, connectTimeout: 600000, cancelTimeout: 600000, trustServerCertificate: false,
      cryptoCredentialsDetails: { ca: fs.readFileSync(process.env.TDS_CA) }, ...more },
  };
  const connection = new Connection(config);
  open.push(connection);
  return new Promise((resolve, reject) => {
    connection.on('error', () => {});
    connection.connect((err) => err ? reject(err) : resolve(connection));
  });
}

function run(connection, method, sql, add) {
  return new Promise((resolve, reject) => {
    const rows = [];
    const outs = {};
    const request = new Request(sql, (err, count) => err ? reject(err) : resolve({ rows, outs, count, request }));
    request.on('row', (cols) => rows.push(cols.map((c) => c.value)));
    request.on('returnValue', (name, value) => { outs[name] = value; });
    if (add) add(request);
    connection[method](request);
  });
}

const modes = clear ? [false] : [false, true, 'strict'];
for (const encrypt of modes) {
  test(`encrypt ${encrypt}`, async () => {
    const c = await connect(encrypt);
    const { rows } = await run(c, 'execSql', 'select 1');
    assert.deepEqual(rows, [[1]]);
    c.close();
  });
}

test('all types as results', async () => {
  const c = await connect(false);
  const { rows } = await run(c, 'execSqlBatch', 'types');
  assert.equal(rows.length, 2);
  const [row, nulls] = rows;
  assert.ok(nulls.every((v) => v === null));
  assert.equal(row[0], true);
  assert.equal(row[1], 255);
  assert.equal(row[3], -2147483648);
  assert.equal(row[4], String(2n ** 60n));
  assert.equal(row[6], -1.5);
  assert.equal(row[10].toISOString(), '2024-02-29T00:00:00.000Z');
  assert.equal(row[14].toISOString(), '2024-02-29T12:00:00.123Z');
  assert.equal(row[16], 'é€   ');
  assert.equal(row[18].length, 70000);
  assert.equal(row[20], '\u{1F600}');
  assert.equal(row[21], 'ñ'.repeat(70000));
  assert.equal(row[24].length, 70000);
  assert.equal(row[25], 'old text');
  assert.equal(row[26], 'öld');
  assert.equal(row[27].toString(), 'img');
  assert.equal(row[28], '6F9619FF-8B86-D011-B42D-00C04FC964FF');
  assert.equal(row[29], '<a/>');
  assert.equal(row[31], 'variant');
  c.close();
});

test('parameters of every type', async () => {
  const c = await connect(false);
  const at = new Date('2024-02-29T13:14:15.123Z');
  const cases = [
    ['Bit', true], ['TinyInt', 255], ['SmallInt', -5], ['Int', 7], ['BigInt', '-9007199254740993'], ['Float', 0.1], ['Real', 1.5],
    ['Decimal', -1234.5, { precision: 10, scale: 2 }], ['Numeric', 1.25, { precision: 38, scale: 3 }], ['Money', -1.5], ['SmallMoney', 2.25],
    ['VarChar', 'vär€'], ['VarChar', 'x'.repeat(9000)], ['NVarChar', 'nä\u{1F600}'], ['NVarChar', 'ñ'.repeat(50000)], ['Char', 'abc', { length: 3 }],
    ['NChar', '日本', { length: 2 }], ['Text', 'text'], ['NText', 'ntöxt'], ['VarBinary', Buffer.from([1, 2, 3])], ['VarBinary', Buffer.alloc(20000, 7)],
    ['Binary', Buffer.from([9]), { length: 1 }], ['Image', Buffer.from([5, 6])], ['UniqueIdentifier', '6F9619FF-8B86-D011-B42D-00C04FC964FF'],
    ['DateTime', at], ['DateTime2', at, { scale: 3 }], ['DateTimeOffset', at, { scale: 3 }], ['Date', new Date('2024-02-29T00:00:00Z')],
    ['SmallDateTime', new Date('2024-02-29T13:14:00Z')], ['Time', new Date('1970-01-01T13:14:15.123Z'), { scale: 3 }],
  ];
  for (const [type, value, options] of cases) {
    const { rows } = await run(c, 'execSql', 'echo @p', (r) => r.addParameter('p', TYPES[type], value, options));
    const got = rows[0][0];
    if (value instanceof Date) assert.equal(got.toISOString(), value.toISOString(), type);
    else if (Buffer.isBuffer(value)) assert.ok(value.equals(got), type);
    else assert.equal(String(got), String(value), type);
    const none = await run(c, 'execSql', 'echo @p', (r) => r.addParameter('p', TYPES[type], null, options));
    assert.equal(none.rows[0][0], null, `${type} NULL`);
  }
  c.close();
});

test('output parameters, errors, information', async () => {
  const c = await connect(false);
  const { outs } = await run(c, 'callProcedure', 'outs', (r) => {
    r.addOutputParameter('n', TYPES.Int, 5);
    r.addOutputParameter('s', TYPES.NVarChar, 'text');
  });
  assert.deepEqual(outs, { n: 5, s: 'text' });
  await assert.rejects(run(c, 'execSqlBatch', 'error'), (e) => e.number === 50001 && e.class === 16 && e.state === 3 && e.lineNumber === 7 &&
    e.procName === 'p' && e.serverName === 'TESTSRV' && e.message === 'the fish is öff');
  const info = new Promise((resolve) => c.on('infoMessage', resolve));
  await run(c, 'execSqlBatch', 'print');
  assert.equal((await info).message, 'hello');
  c.close();
});

test('prepare, execute, unprepare', async () => {
  const c = await connect(false);
  const rows = [];
  await new Promise((resolve, reject) => {
    let step = 0;
    const request = new Request('echo @p', (err) => {
      if (err) return reject(err);
      if (step++ === 0) c.execute(request, { p: 2 });
      else resolve();
    });
    request.addParameter('p', TYPES.Int);
    request.on('row', (cols) => rows.push(cols[0].value));
    request.on('prepared', () => c.execute(request, { p: 1 }));
    c.prepare(request);
  });
  assert.deepEqual(rows, [1, 2]);
  c.close();
});

test('transactions and reset', async () => {
  const c = await connect(false);
  const step = (f) => new Promise((resolve, reject) => f((err) => err ? reject(err) : resolve()));
  await step((cb) => c.beginTransaction(cb, 'tran', tedious.ISOLATION_LEVEL.SNAPSHOT));
  await step((cb) => c.saveTransaction(cb, 'save'));
  await run(c, 'execSql', 'select 1');
  await step((cb) => c.commitTransaction(cb));
  await step((cb) => c.beginTransaction(cb));
  await step((cb) => c.rollbackTransaction(cb));
  await step((cb) => c.reset(cb));
  c.close();
});

test('cancel', async () => {
  const c = await connect(false);
  for (const sql of ['wait', 'forever']) {
    await new Promise((resolve, reject) => {
      const request = new Request(sql, (err) => err && err.code === 'ECANCEL' ? resolve() : reject(err ?? new Error('not cancelled')));
      c.execSqlBatch(request);
      setTimeout(() => c.cancel(), 100);
    });
    const { rows } = await run(c, 'execSqlBatch', 'select');
    assert.deepEqual(rows, [[1]]);
  }
  c.close();
});

test('table parameter and bulk load', async () => {
  const c = await connect(false);
  const table = { name: 'Lines', schema: 'dbo', columns: [{ name: 'id', type: TYPES.Int }, { name: 's', type: TYPES.NVarChar, length: 20 }], rows: [] };
  for (let i = 0; i < 500; i++) table.rows.push([i, i % 2 ? null : 'ä']);
  const { rows } = await run(c, 'callProcedure', 'echo', (r) => r.addParameter('t', TYPES.TVP, table));
  assert.deepEqual(rows[0].map(Number), [500, 124750]);
  await new Promise((resolve, reject) => {
    const bulk = c.newBulkLoad('t', (err, n) => err ? reject(err) : n === 1000 ? resolve() : reject(new Error(`${n} rows`)));
    bulk.addColumn('id', TYPES.Int, { nullable: false });
    bulk.addColumn('s', TYPES.NVarChar, { length: 'max', nullable: true });
    bulk.addColumn('d', TYPES.DateTime2, { nullable: true, scale: 7 });
    c.execBulkLoad(bulk, Array.from({ length: 1000 }, (_, i) => [i, i % 3 ? 'ö'.repeat(i) : null, new Date()]));
  });
  const { rows: [[n]] } = await run(c, 'execSqlBatch', 'bulked');
  assert.equal(n, 1000);
  c.close();
});

test('failed logins', async () => {
  await assert.rejects(connect(false, { database: 'nope', maxRetriesOnTransientErrors: 0 }), /nope|Login failed/);
});
