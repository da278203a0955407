'use strict';
// Gives each file to the real kafkajs, which ignores in silence what it does not know. So the literals are checked against
// its types; every key must be seen to be read; and every value must arrive in the part of kafkajs that works with it.
//
// Nothing is mocked but the network: the real Cluster, ConsumerGroup and Runner are built, only the steps of theirs that
// would talk to a broker do nothing.

const { isDeepStrictEqual } = require('util');
const { load, main } = require('../npm/common.js');

const SECTIONS = ['_generated', 'notes', 'client', 'consumer', 'subscribe', 'run', 'loader'];
// The names under which kafkajs hands these on.
const RENAMED = { partitionsConsumedConcurrently: 'concurrency', readUncommitted: 'isolationLevel' };
const CONVERTED = { readUncommitted: given => (given ? 0 : 1) };

/** Replaces a class inside kafkajs by one that notes its options and, with `quiet`, does not talk to a broker. */
function record(module, quiet, seen) {
  const Real = load(module);
  const Recorded = class extends Real {
    constructor(options) {
      super(options);
      seen.push(options);
    }
  };
  for (const name of quiet) Recorded.prototype[name] = async () => {};
  load.cache[load.resolve(module)].exports = Recorded;
}

const seen = { cluster: [], group: [], runner: [] };
record('kafkajs/src/cluster', ['connect', 'addMultipleTargetTopics', 'metadata'], seen.cluster);
record('kafkajs/src/consumer/consumerGroup', ['connect', 'joinAndSync', 'leave'], seen.group);
record('kafkajs/src/consumer/runner', ['start', 'stop'], seen.runner);
const { Kafka } = load('kafkajs');
const RETRY = [...Object.keys(load('kafkajs/src/retry/defaults')), 'restartOnFailure'];

function source({ client = {}, consumer, subscribe, run = {} }) {
  return `import { KafkaConfig, ConsumerConfig, ConsumerSubscribeTopics, ConsumerRunConfig } from 'kafkajs';
export const client: Omit<KafkaConfig, 'brokers'> = ${JSON.stringify(client)};
export const consumer: ConsumerConfig = ${JSON.stringify(consumer)};
export const subscribe: ConsumerSubscribeTopics = ${JSON.stringify(subscribe)};
export const run: ConsumerRunConfig = ${JSON.stringify(run)};
`;
}

/** The object behind a proxy that notes which keys were asked for by name. */
function watched(object, read) {
  return new Proxy(object, { get: (target, key) => { read.add(key); return target[key]; } });
}

function* unread(section, given, read) {
  for (const key of Object.keys(given)) {
    if (!read.has(key)) yield `${section}.${key} is never read`;
  }
  // kafkajs copies retry as a whole, so reading tells nothing there.
  for (const key of Object.keys(given.retry ?? {})) {
    if (!RETRY.includes(key)) yield `${section}.retry.${key} is never read`;
  }
}

function* lost(section, given, arrived) {
  for (const [key, value] of Object.entries(given)) {
    const name = RENAMED[key] ?? key;
    const wanted = CONVERTED[key]?.(value) ?? value;
    const got = arrived[name];
    // A retry is completed with defaults on its way: what was given must be in it.
    const same = key === 'retry' ? Object.entries(value).every(([k, v]) => got?.[k] === v) : isDeepStrictEqual(got, wanted);
    if (!same) yield `${section}.${key}: ${JSON.stringify(value)} was given, ${JSON.stringify(got)} is in effect`;
  }
}

async function construct({ client = {}, consumer, subscribe, run = {} }) {
  for (const list of Object.values(seen)) list.length = 0;
  const found = [];
  const read = { client: new Set(), consumer: new Set(), subscribe: new Set(), run: new Set() };
  const logCreator = () => ({ label, log }) => { if (/WARN|ERROR/.test(label)) found.push(log.message); };

  const kafka = new Kafka(watched({ ...client, brokers: ['127.0.0.1:9'], logCreator }, read.client));
  const made = kafka.consumer(watched(consumer, read.consumer));
  await made.subscribe(watched(subscribe, read.subscribe));
  await made.run(watched({ ...run, eachBatch: async () => {} }, read.run));
  await made.disconnect();

  const [cluster, group, runner] = [seen.cluster[0], seen.group[0], seen.runner[0]];
  if (!cluster || !group || !runner) return [...found, 'kafkajs did not build its cluster, group and runner: nothing could be seen'];
  found.push(...unread('client', client, read.client), ...lost('client', client, cluster));
  found.push(...unread('consumer', consumer, read.consumer), ...lost('consumer', consumer, { ...cluster, ...runner, ...group }));
  found.push(...unread('subscribe', subscribe, read.subscribe));
  found.push(...unread('run', run, read.run), ...lost('run', run, { ...group, ...runner }));
  const topics = Object.fromEntries((subscribe.topics ?? []).map(t => [t, { fromBeginning: subscribe.fromBeginning ?? false }]));
  if (!isDeepStrictEqual(group.topicConfigurations, topics)) found.push(`subscribe: ${JSON.stringify(group.topicConfigurations)} is in effect`);
  return found;
}

main({ sections: SECTIONS, source, construct }).then(() => process.exit(0));
