/** The loader: what it reads, what it refuses, and how it follows changes. */

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { Client, Pool } from 'pg';
import { createOptimizedConsumer, KafkaConsumerConfigLoader } from '../src/index.js';
import { fileOf, load } from '../src/lastGood.js';
import { bootstrap, forKafkajs, forLibrdkafka } from '../src/security.js';
import { eventually } from './kafka.js';
import { postgres, Service, wasLogged } from './service.js';

test('recommendations say what to do', async t => {
  const service = await Service.of(t);
  await service.seed(['t'], { consumer: { max_poll_records: 1 } });
  for (let partition = 0; partition < 3; partition++) {
    for (let times = 0; times < 5; times++) {
      await service.owner(`SELECT record_consumer_lag('${service.name}', 't', ${partition}, 4000)`);
    }
  }
  const loader = new KafkaConsumerConfigLoader(service.pool);
  const found = await loader.getProcessingRecommendations(service.name);
  const [lag] = found.filter(one => one.alert === 'lag');
  assert.ok(lag?.service_name === service.name && lag.recommendation);
  assert.ok(['critical', 'high'].includes(lag.priority));
});

test('an unknown service says which are known', async t => {
  const service = await Service.of(t);
  await assert.rejects(new KafkaConsumerConfigLoader(service.pool).loadConfig('minicpm-visoin'), {
    name: 'UnknownService',
    message: /did you mean 'minicpm-vision'\?.*activity-classifier, face-emotion.*lagproof compile/,
  });
});

describe('names are only names', () => {
  for (const name of [
    "'; DROP TABLE pipeline_consumer_configs; --",
    'a/../../b',
    'größe 日本',
    '',
    '\ud800',
    'x'.repeat(500),
  ]) {
    test(JSON.stringify(name).slice(0, 40), async t => {
      const service = await Service.of(t);
      await assert.rejects(new KafkaConsumerConfigLoader(service.pool).loadConfig(name), { name: 'UnknownService' });
      assert.equal(dirname(fileOf(name, service.stateDir)), service.stateDir);
      assert.equal(Number(await service.owner('SELECT count(*) FROM pipeline_consumer_configs')), 11);
    });
  }
});

test('a database without the schema says what to run', async t => {
  const server = await postgres();
  const pool = new Pool({ connectionString: server.url(server.database({ migrated: false })), max: 2 });
  t.after(() => pool.end());
  const loader = new KafkaConsumerConfigLoader(pool);
  const refused = { name: 'NotMigrated', message: /lagproof migrate/ };
  await assert.rejects(loader.loadConfig('x'), refused);
  await assert.rejects(loader.recordProcessingMetrics('x', 1), refused);
});

test('a login without the role says which to grant', async t => {
  const server = await postgres();
  const database = server.database();
  server.psql('DROP ROLE IF EXISTS nobody_special; CREATE ROLE nobody_special LOGIN');
  const pool = new Pool({ connectionString: server.url(database, 'nobody_special'), max: 2 });
  t.after(() => pool.end());
  await assert.rejects(new KafkaConsumerConfigLoader(pool).loadConfig('minicpm-vision'), {
    name: 'NoRights',
    message: /GRANT lagproof_service/,
  });
});

test('a retired service is not started', async t => {
  const service = await Service.of(t);
  await service.seed(['t']);
  await service.owner('SELECT lagproof.retire_service_v1($1, 2)', [service.name]);
  const refused = { name: 'RetiredService', message: /profile was removed/ };
  await assert.rejects(new KafkaConsumerConfigLoader(service.pool).loadConfig(service.name), refused);
});

test('topics must be named somewhere', async t => {
  const service = await Service.of(t);
  await service.seed([]);
  const refused = { name: 'NoTopics', message: /no topics/ };
  await assert.rejects(createOptimizedConsumer(service.pool, service.brokers, service.name, []), refused);
});

describe('rows that can not be honoured name the key', () => {
  const rows: [Record<string, unknown>, RegExp][] = [
    [{ client: 'aiokafka' }, /declares aiokafka, which is no client of JavaScript's/],
    [{ raw: { kafkajs: { 'sasl.password': 'x' } } }, /comes from the environment, never from the table/],
    [{ raw: { kafkajs: { noSuchThing: 1 } } }, /noSuchThing: kafkajs has no such option/],
    [{ topics: [''] }, /topics: .* is no list of names/],
    [{ concurrency: 'many' }, /concurrency: 'many' is no whole number/],
    [{ delivery: { commit: 'sometimes' } }, /commit: 'sometimes' is unknown.*after-batch/],
    [{ handler: 'carrier-pigeon' }, /handler/],
  ];
  for (const [settings, says] of rows) {
    test(String(says), async t => {
      const service = await Service.of(t);
      await service.seed(['t'], settings);
      await assert.rejects(createOptimizedConsumer(service.pool, service.brokers, service.name), (error: Error) => {
        assert.equal(error.name, 'BadRow');
        assert.match(error.message, says);
        assert.ok(error.message.includes(service.name));
        return true;
      });
    });
  }
});

test('a row without a profile is read from its columns', async t => {
  const service = await Service.of(t);
  await service.owner(
    'INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, max_poll_records, enable_auto_commit, ' +
      "topics) VALUES ($1, 'by-hand', 7, false, '{a,b}')",
    [service.name],
  );
  const config = await new KafkaConsumerConfigLoader(service.pool).loadConfig(service.name);
  assert.deepEqual([config.maxPollRecords, config.settings.group, config.version], [7, 'by-hand', null]);
  assert.deepEqual(config.settings.topics, ['a', 'b']);
  assert.equal(config.settings.client, 'kafkajs');
  assert.equal(config.settings.delivery.commit, 'after-batch');
});

test('no broker is an error in time', async t => {
  const service = await Service.of(t);
  await service.seed(['t']);
  const kafka = { brokers: ['127.0.0.1:9'] };
  const making = createOptimizedConsumer(service.pool, kafka, service.name, [], { startWithinMs: 1000 });
  await assert.rejects(making, {
    name: 'BrokerAway',
    message: /no broker answered within 1 s.*KAFKA_BOOTSTRAP_SERVERS/,
  });
});

test('a change is in force at once with LISTEN', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic], { consumer: { max_poll_records: 1 } });
  await service.kafka.produce(topic, Array(50).fill('x'));
  const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name, [], {
    pollEveryMs: 3_600_000,
  });
  const size = async (): Promise<number> => {
    const slices = await consumer.pollWithLimit(10_000);
    return slices.reduce((sum, slice) => sum + slice.records.length, 0);
  };
  try {
    assert.equal(await size(), 1);
    await eventually(() => consumer.loader.isListening(service.name));
    await service.update({ max_poll_records: 20 });
    await eventually(() => consumer.config.maxPollRecords === 20, { withinMs: 2000 });
    assert.equal(await size(), 20);
    const generation = await service.generation();
    const said = 'SELECT generation FROM lagproof.acknowledgements WHERE service_name = $1';
    await eventually(async () => Number(await service.owner(said, [service.name])) === generation);
    assert.equal(await service.owner('SELECT state FROM lagproof.instances'), 'running');
  } finally {
    await consumer.disconnect();
  }
  assert.equal(await service.owner('SELECT state FROM lagproof.instances'), 'stopped');
  assert.equal(Number(await service.owner('SELECT count(*) FROM lagproof.acknowledgements')), 0);
});

test('without LISTEN it is in force within the polling period', async t => {
  const service = await Service.of(t);
  await service.seed(['t'], { consumer: { max_poll_records: 1 } });
  const pool = new Pool({ connectionString: service.postgres.url(service.database, 'app'), max: 1 });
  const loader = new KafkaConsumerConfigLoader(pool, { pollEveryMs: 500 });
  service.later(async () => {
    await loader.close();
    await pool.end();
  });
  await loader.loadConfig(service.name);
  loader.watch(service.name);
  await service.update({ max_poll_records: 9 });
  await eventually(() => loader.configOf(service.name).maxPollRecords === 9, { withinMs: 5000 });
  assert.ok(!loader.isListening(service.name));
});

test('an override that ends is found without any change of the row', async t => {
  const service = await Service.of(t);
  await service.seed(['t'], { consumer: { max_poll_records: 1 } });
  const client = new Client({ connectionString: service.postgres.url(service.database) });
  await client.connect();
  await client.query("SET lagproof.until = '2 seconds'");
  const update = 'UPDATE pipeline_consumer_configs SET max_poll_records = 9 WHERE service_name = $1';
  await client.query(update, [service.name]);
  await client.end();
  const loader = new KafkaConsumerConfigLoader(service.pool, { pollEveryMs: 500 });
  service.later(() => loader.close());
  assert.equal((await loader.loadConfig(service.name)).maxPollRecords, 9);
  loader.watch(service.name);
  await eventually(() => loader.configOf(service.name).maxPollRecords === 1, { withinMs: 10_000 });
});

test('the last good settings start it while the database is down', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic], { consumer: { max_poll_records: 3 } });
  await new KafkaConsumerConfigLoader(service.pool).loadConfig(service.name);
  const file = fileOf(service.name, service.stateDir);
  assert.equal(statSync(file).mode & 0o077, 0);
  await service.postgres.crash();
  const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name, [], {
    pollEveryMs: 1000,
  });
  try {
    assert.equal(consumer.config.maxPollRecords, 3);
    assert.ok(wasLogged('ERROR', 'THE DATABASE IS AWAY', 'generation'));
    rmSync(file);
    const refused = { name: 'DatabaseAway', message: /no last good settings/ };
    await assert.rejects(consumer.loader.loadConfig(service.name), refused);
    // It comes back, and what was changed meanwhile is taken.
    await service.postgres.restart();
    await service.update({ max_poll_records: 8 });
    await eventually(() => consumer.config.maxPollRecords === 8, { withinMs: 20_000 });
    assert.ok(wasLogged('the database answers again') || !wasLogged('the database is away'));
  } finally {
    await consumer.disconnect();
  }
});

test('last-good files of another service or form are not used', async t => {
  const service = await Service.of(t);
  mkdirSync(service.stateDir);
  for (const text of ['', '{', '[]', 'null', '{"format":2,"service_name":"a"}', '{"format":1,"service_name":"b"}']) {
    writeFileSync(fileOf('a', service.stateDir), text);
    assert.equal(await load('a', service.stateDir), null);
  }
});

describe('security that contradicts itself is refused without telling secrets', () => {
  const login = { KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 's3cret' };
  const environments: [Record<string, string>, RegExp][] = [
    [{ KAFKA_SECURITY_PROTOCOL: 'TLS' }, /it must be one of PLAINTEXT/],
    [{ KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' }, /KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD is not set/],
    [login, /nothing would be logged in/],
    [{ KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CA: '/no/such' }, /can't be used/],
    [{ KAFKA_SSL_CERTIFICATE: '/c' }, /go together/],
    [{ KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT', KAFKA_SASL_MECHANISM: 'X', ...login }, /must be one of PLAIN/],
  ];
  for (const [environment, says] of environments) {
    test(String(says), () => {
      assert.throws(
        () => forKafkajs(environment),
        (error: Error) => {
          assert.equal(error.name, 'SecurityMissing');
          assert.match(error.message, says);
          return !error.message.includes('s3cret');
        },
      );
    });
  }
});

test('security comes from the environment, and from nowhere else', async t => {
  const environment = {
    KAFKA_SECURITY_PROTOCOL: 'sasl_ssl',
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD: 'p',
  };
  const sasl = { mechanism: 'scram-sha-512', username: 'u', password: 'p' };
  assert.deepEqual(forKafkajs(environment), { ssl: true, sasl });
  assert.equal(forLibrdkafka(environment)['sasl.password'], 'p');
  assert.deepEqual(bootstrap(undefined, { KAFKA_BOOTSTRAP_SERVERS: 'a:1, b:2' }), ['a:1', 'b:2']);
  assert.throws(() => bootstrap([], {}), { name: 'SecurityMissing', message: /KAFKA_BOOTSTRAP_SERVERS/ });
  const service = await Service.of(t);
  await service.seed(['t']);
  const given = { ...service.brokers, sasl };
  await assert.rejects(createOptimizedConsumer(service.pool, given, service.name), /sasl: only brokers and clientId/);
});
