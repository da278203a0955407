/** A PostgreSQL server of the tests' own: in a temporary folder, on a socket, gone with this process however it ends. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sleep } from '../src/waiting.js';

/** The repository. */
export const ROOT = resolve(__dirname, '../../../..');
/** The binary, built with the features `db` and `kafka`. */
export const LAGPROOF = process.env.LAGPROOF ?? join(ROOT, 'target/debug/lagproof');

// Ends the server when our end of the pipe closes; `restart` on the pipe crashes and starts it, `down` only crashes it.
const KEEPER = `trap '' INT TERM HUP
start() { "$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off \
    -c full_page_writes=off -c max_connections=200 >>"$2/log" 2>&1 </dev/null & server=$!; }
start "$1" "$2"
while read -r word; do
    kill -QUIT $server 2>/dev/null; wait $server 2>/dev/null
    [ "$word" = down ] || start "$1" "$2"
done
kill -QUIT $server; wait $server
rm -rf "$2"
`;

function binaries(): string {
  const folder = '/usr/lib/postgresql';
  const versions = existsSync(folder) ? readdirSync(folder).sort((a, b) => Number(a) - Number(b)) : [];
  const found = versions.map(version => join(folder, version, 'bin')).filter(bin => existsSync(join(bin, 'initdb')));
  if (found.length > 0) return found.at(-1)!;
  const program = spawnSync('sh', ['-c', 'command -v initdb'], { encoding: 'utf8' }).stdout.trim();
  assert.ok(program, 'PostgreSQL 15 or later is needed: apt-get install postgresql');
  return resolve(program, '..');
}

function identity(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(one => one.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** The server. */
export class Postgres {
  private readonly bin = binaries();
  readonly folder = mkdtempSync('/tmp/lagproof-pg-');
  private readonly keeper: ChildProcess;
  private count = 0;

  private constructor() {
    let as = {};
    if (process.getuid?.() === 0) {
      // initdb refuses root
      const user = identity('postgres') ?? identity('nobody')!;
      chownSync(this.folder, user.uid, user.gid);
      as = user;
    }
    const words = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync', '-D'];
    execFileSync(join(this.bin, 'initdb'), [...words, join(this.folder, 'data')], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...as,
    });
    this.keeper = spawn('sh', ['-c', KEEPER, 'sh', join(this.bin, 'postgres'), this.folder], {
      cwd: this.folder,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      ...as,
    });
  }

  static async start(): Promise<Postgres> {
    const server = new Postgres();
    await server.ready();
    server.psql('CREATE DATABASE migrated TEMPLATE template0');
    execFileSync(LAGPROOF, ['--project', ROOT, 'migrate'], {
      env: { ...process.env, DATABASE_URL: server.url('migrated') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return server;
  }

  /** How clients reach a database; pg's own form for sockets. */
  url(database: string, user = 'postgres'): string {
    return `postgres://${user}@${encodeURIComponent(this.folder)}/${database}`;
  }

  /** Runs statements as the owner. */
  psql(sql: string, database = 'postgres'): string {
    const words = ['-qAt', '-v', 'ON_ERROR_STOP=1', '-h', this.folder, '-U', 'postgres', '-d', database, '-c', sql];
    return execFileSync(join(this.bin, 'psql'), words, { encoding: 'utf8' }).trim();
  }

  private status(): number | null {
    return spawnSync(join(this.bin, 'pg_isready'), ['-q', '-h', this.folder]).status;
  }

  /** Until it answers. */
  async ready(): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      if (this.status() === 0) return;
      await sleep(100);
    }
    assert.fail(readFileSync(join(this.folder, 'log'), 'utf8'));
  }

  /** A database of a test's own. */
  database({ migrated = true } = {}): string {
    const name = `test_${++this.count}`;
    this.psql(`CREATE DATABASE ${name} TEMPLATE ${migrated ? 'migrated' : 'template0'}`);
    // Else a sequence of the copy may go back in a crash: its page says that its next numbers are in the log already.
    this.psql('CHECKPOINT');
    return name;
  }

  /** Ends it as a crash does. */
  async crash(): Promise<void> {
    this.keeper.stdin!.write('down\n');
    for (let tries = 0; tries < 100 && this.status() !== 2; tries++) await sleep(100);
  }

  /** Crashes it, if it runs, and starts it. */
  async restart(): Promise<void> {
    this.keeper.stdin!.write('restart\n');
    await sleep(500);
    await this.ready();
  }

  /** Starts it where it does not run. */
  async up(): Promise<void> {
    if (this.status() !== 0) await this.restart();
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.keeper.once('exit', resolve));
    this.keeper.stdin!.end();
    await ended;
  }
}
