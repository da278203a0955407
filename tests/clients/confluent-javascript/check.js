'use strict';
// Gives each file to the real @confluentinc/kafka-javascript as native keys, without a kafkaJS block, and takes it through
// connect, subscribe and disconnect against the mock cluster inside its own librdkafka. What is in effect is read back
// from the configuration that librdkafka logs.

const { load, main } = require('../npm/common.js');
const { KafkaJS } = load('@confluentinc/kafka-javascript');

const SECTIONS = ['_generated', 'notes', 'consumer', 'subscribe'];
const ALIASES = { 'max.partition.fetch.bytes': 'fetch.message.max.bytes', 'sasl.mechanism': 'sasl.mechanisms' };
const SPELLINGS = { earliest: 'smallest', beginning: 'smallest', latest: 'largest', end: 'largest' };
// The mock cluster takes the place of the bootstrap servers, and debug makes librdkafka log what it took.
const ADDED = { 'test.mock.num.brokers': 1, debug: 'conf' };
const PATIENCE = 20000;

function source({ consumer, subscribe }) {
  return `import { KafkaJS } from '@confluentinc/kafka-javascript';
export const consumer: KafkaJS.ConsumerConstructorConfig = ${JSON.stringify(consumer)};
export const subscribe: Parameters<KafkaJS.Consumer['subscribe']>[0] = ${JSON.stringify(subscribe)};
`;
}

/** What librdkafka logs while `work` runs. Without a kafkaJS block the package logs to the console, and takes no logger. */
async function logged(work) {
  const lines = [];
  const real = {};
  for (const level of ['log', 'info', 'warn', 'error']) {
    real[level] = console[level];
    console[level] = entry => lines.push({ level, facility: entry?.fac, message: entry?.message ?? String(entry) });
  }
  try { await work(); } finally { Object.assign(console, real); }
  return lines;
}

function* differences(consumer, lines) {
  const effective = new Map();
  for (const { facility, message } of lines) {
    const setting = facility === 'CONF' && /^\[thrd:[^\]]*\]:   ([a-z][a-z0-9._]*) = (.*)$/.exec(message);
    if (setting) effective.set(setting[1], setting[2]);
  }
  if (effective.size === 0) { yield 'librdkafka did not log its configuration, so nothing could be read back'; return; }
  for (const [key, given] of Object.entries(consumer)) {
    if (key.startsWith('js.')) continue; // its own: checked and taken out before librdkafka, which refuses those left
    const got = effective.get(ALIASES[key] ?? key);
    let wanted = String(given);
    if (key === 'auto.offset.reset') wanted = SPELLINGS[wanted] ?? wanted;
    if (key === 'max.poll.interval.ms') wanted = String(given * 2); // the package doubles it, whoever gave it
    if (got === undefined) yield `${key} was given but is not in effect`;
    else if (got !== wanted) yield `${key}: ${given} was given, ${got} is in effect`;
  }
}

function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function construct({ consumer, subscribe }) {
  const lines = await logged(async () => {
    const made = new KafkaJS.Kafka({}).consumer({ ...consumer, ...ADDED });
    await inTime(made.connect());
    try {
      await made.subscribe(subscribe);
    } finally {
      await inTime(made.disconnect());
    }
  });
  const warnings = lines.filter(({ level, facility }) => facility === 'CONFWARN' || ((level === 'warn' || level === 'error') && facility !== 'MOCK'));
  return [...warnings.map(({ message }) => message), ...differences(consumer, lines)];
}

main({ sections: SECTIONS, source, construct }).then(() => process.exit(0));
