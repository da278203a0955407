/** The cases that the loaders of all languages share, made by the compiler. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { changes, worst } from '../src/changes.js';
import { makeKafkajs } from '../src/clients.js';
import { BadRow } from '../src/errors.js';
import { lower } from '../src/lowering.js';
import { readSettings, type Value } from '../src/settings.js';
import { ROOT } from './postgres.js';

export const CASES = join(ROOT, 'clients/cases');
const OURS = ['kafkajs', 'confluent-javascript'];

interface Case {
  name: string;
  client: string;
  settings: unknown;
  lowered: {
    sections: Record<string, Record<string, Value>>;
    notes: { key: string; loss: string; text: string }[];
  };
  from: unknown;
  to: unknown;
  changes: Record<string, string>;
  apply: string;
}

/** A file's cases. */
export function cases<One>(name: string): One[] {
  const document = JSON.parse(readFileSync(join(CASES, name), 'utf8'));
  assert.equal(document.format, 1);
  return document.cases;
}

function ours(name: string): Case[] {
  const found = cases<Case>(name).filter(one => OURS.includes(one.client));
  assert.ok(found.length > 30);
  return found;
}

/** librdkafka's properties are text: 500 and "500" are the same. */
function asText(properties: Record<string, Value> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, String(value)]));
}

describe('a row becomes what the compiler makes of it', () => {
  for (const { name, client, settings, lowered: expected } of ours('lowering.json')) {
    test(name, () => {
      const lowered = lower(readSettings('service', settings));
      const { sections } = expected;
      if (client === 'confluent-javascript') assert.deepEqual(asText(lowered.consumer), asText(sections.consumer));
      else assert.deepEqual(lowered.consumer, sections.consumer);
      assert.deepEqual(lowered.client, sections.client ?? {});
      assert.deepEqual(lowered.subscribe, sections.subscribe);
      assert.deepEqual(lowered.run, sections.run ?? {});
      assert.deepEqual(lowered.loader, sections.loader ?? {});
      const order = (notes: readonly object[]): string[] => notes.map(note => JSON.stringify(note)).sort();
      const said = (notes: readonly { key: string; loss: string; text: string }[]): string[] =>
        order(notes.map(({ key, loss, text }) => ({ key, loss, text })));
      assert.deepEqual(said(lowered.notes), said(expected.notes));
    });
  }
});

describe('kafkajs takes every row', () => {
  for (const { name, client, settings } of ours('lowering.json')) {
    if (client !== 'kafkajs') continue;
    test(name, () => {
      makeKafkajs(readSettings('service', settings), { brokers: ['127.0.0.1:1'] });
    });
  }
});

describe('a change reaches replicas as the compiler says', () => {
  for (const { name, from, to, changes: expected, apply } of ours('changes.json')) {
    test(name, () => {
      const found = changes(readSettings('service', from), readSettings('service', to));
      assert.deepEqual(Object.fromEntries(found), expected);
      assert.equal(worst(found), apply);
    });
  }
});

test("rows of other languages' clients are refused", () => {
  for (const client of ['aiokafka', 'java', 'librdkafka']) {
    const settings = readSettings('service', { client, group: 'g', topics: ['t'], consumer: {} });
    assert.throws(() => lower(settings), {
      name: 'BadRow',
      message: new RegExp(`declares ${client}.*no client of JavaScript's`),
    });
    assert.throws(() => lower(settings), BadRow);
  }
});
