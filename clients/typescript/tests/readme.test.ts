/** The README from the beginning: an empty project, its install of the packed package, and its samples as written. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from './kafka.js';
import { ROOT } from './postgres.js';
import { Service } from './service.js';

const PACKAGE = join(ROOT, 'clients/typescript');
const run = promisify(execFile);

/** The README's samples, with the names of this test. */
function samples(service: Service, topic: string): [string, string] {
  const readme = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
  const found = [...readme.matchAll(/```typescript\n(.*?)```/gs)].map(([, text]) =>
    text!
      .replaceAll('service-name', service.name)
      .replaceAll('motion-filter', service.name)
      .replaceAll('topic-name', topic)
      .replaceAll('kafka:9092', service.kafka.bootstrap),
  );
  assert.equal(found.length, 2);
  return found as [string, string];
}

test('a fresh install runs the samples, by import and by require', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic]);
  const folder = join(service.folder, 'project');
  mkdirSync(folder);
  const peers = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).devDependencies;
  const packed = await run('npm', ['pack', PACKAGE, '--silent'], { cwd: folder });
  const named = ['kafkajs', 'pg', 'typescript', '@types/node', '@types/pg'].map(name => `${name}@${peers[name]}`);
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  await run('npm', ['install', '--no-audit', '--no-fund', `./${packed.stdout.trim()}`, ...named], { cwd: folder });
  const [first, second] = samples(service, topic);
  writeFileSync(join(folder, 'first.ts'), first);
  writeFileSync(join(folder, 'second.ts'), second);
  writeFileSync(
    join(folder, 'third.cts'),
    "import lagproof = require('lagproof');\nclass Own extends lagproof.BaseKafkaConsumer {\n" +
      '  override async process(record: lagproof.ConsumedRecord): Promise<void> {\n    console.log(record.topic);\n  }\n}\n' +
      'export = Own;\n',
  );
  const options = ['--strict', '--target', 'es2022', '--module', 'node16', '--types', 'node'];
  await run(join(folder, 'node_modules/.bin/tsc'), [...options, 'first.ts', 'second.ts', 'third.cts'], { cwd: folder });
  const env = {
    ...process.env,
    DATABASE_URL: service.postgres.url(service.database, 'app'),
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
  };

  // The first sample, until it has committed what there was.
  await kafka.produce(topic, ['a', 'b', 'c']);
  const one = spawn(process.execPath, ['first.js'], { cwd: folder, env });
  service.later(async () => void one.kill('SIGKILL'));
  let said = '';
  one.stdout.on('data', text => {
    said += text;
  });
  await eventually(async () => (await kafka.committed(group, topic))[0] === 3, { withinMs: 60_000 });
  assert.equal(said, 'a\nb\nc\n');
  one.kill('SIGKILL');

  // The second one ends in good order, by itself.
  const two = spawn(process.execPath, ['second.js'], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  service.later(async () => void two.kill('SIGKILL'));
  const ended = new Promise(resolve => two.once('exit', resolve));
  await kafka.produce(topic, ['d', 'e']);
  await eventually(async () => (await kafka.committed(group, topic))[0] === 5, { withinMs: 60_000 });
  two.kill('SIGTERM');
  assert.equal(await ended, 0, 'SIGTERM stops it in good order');

  // And the same classes by require.
  const script =
    "const { createOptimizedConsumer, BadRow } = require('lagproof'); import('lagproof').then(other => " +
    'console.log(typeof createOptimizedConsumer, other.BadRow === BadRow))';
  const required = await run(process.execPath, ['--input-type=commonjs', '-e', script], { cwd: folder });
  assert.equal(required.stdout, 'function true\n');
});
