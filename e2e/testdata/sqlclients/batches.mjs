// Runs scripts with tedious: for each line of standard input, {"dsn": ..., "script": ...}, one connection that the batches of the script
// are run on, apart by lines of GO. What comes is printed, a line for each row and error, and "." at the end. Run it where tedious is installed.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';

const { Connection, Request } = createRequire(path.join(process.cwd(), 'package.json'))('tedious');
const text = (v) => v === null ? 'NULL' : Buffer.isBuffer(v) ? `0x${v.toString('hex').toUpperCase()}` : String(v);

function run({ dsn, script }) {
  const u = new URL(dsn);
  const connection = new Connection({
    server: u.hostname,
    authentication: { type: 'default', options: { userName: u.username, password: decodeURIComponent(u.password) } },
    options: { port: Number(u.port), encrypt: true, database: 'master', requestTimeout: 0, cryptoCredentialsDetails: { ca: fs.readFileSync(u.searchParams.get('certificate')) } },
  });
  connection.on('error', () => {});
  connection.on('errorMessage', (m) => console.log(`Msg ${m.number}, Level ${m.class}, State ${m.state}, Line ${m.lineNumber}: ${m.message}`));
  return new Promise((resolve, reject) => connection.connect((err) => {
    if (err) return reject(err);
    const batches = script.split(/^[ \t]*GO[ \t]*(?:\n|$)/m).filter((b) => b.trim() !== '');
    const next = () => {
      const batch = batches.shift();
      if (batch === undefined) {
        connection.on('end', resolve);
        return connection.close();
      }
      const request = new Request(batch, next);
      request.on('row', (columns) => console.log(columns.map((c) => text(c.value)).join('|')));
      connection.execSqlBatch(request);
    };
    next();
  }));
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  await run(JSON.parse(line));
  console.log('.');
}
