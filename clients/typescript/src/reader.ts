/** A part of a settings document, and how to complain about it. */

import { BadRow } from './errors.js';

export class Reader {
  readonly data: Record<string, unknown>;

  constructor(
    private readonly serviceName: string,
    private readonly where: string,
    data: unknown,
  ) {
    this.data = {};
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      this.wrong('', `${JSON.stringify(data)} is no object`, '');
    }
    this.data = data as Record<string, unknown>;
  }

  /** Throws BadRow. */
  wrong(key: string, problem: string, fix: string): never {
    const place = [this.where, key].filter(part => part !== '').join('.');
    const mend = 'Mend it in the profile or with an UPDATE of pipeline_consumer_configs';
    throw new BadRow(this.serviceName, place, problem, fix === '' ? mend : `${fix}. ${mend}`);
  }

  section(key: string): Reader {
    return new Reader(this.serviceName, key, this.data[key] ?? {});
  }

  integer(key: string, instead: number, least: number): number {
    const value = this.data[key] ?? instead;
    if (typeof value !== 'number' || !Number.isInteger(value) || (value < least && this.data[key] != null)) {
      this.wrong(key, `${show(value)} is no whole number from ${least} on`, 'Choose one');
    }
    return value;
  }

  number(key: string, instead: number): number {
    const value = this.data[key] ?? instead;
    if (typeof value !== 'number' || value < 0) this.wrong(key, `${show(value)} is no number from 0 on`, 'Choose one');
    return value;
  }

  text(key: string): string | null {
    const value = this.data[key] ?? null;
    if (value !== null && (typeof value !== 'string' || value === '')) {
      this.wrong(key, `${show(value)} is no text`, 'Write a name');
    }
    return value;
  }

  texts(key: string): string[] {
    const value = this.data[key] ?? [];
    if (!Array.isArray(value) || value.some(one => typeof one !== 'string' || one === '')) {
      this.wrong(key, `${show(value)} is no list of names`, 'Write a list of names');
    }
    return value;
  }

  word<Word extends string>(key: string, words: readonly Word[], instead: Word): Word {
    const value = this.data[key] ?? instead;
    if (!words.includes(value as Word)) {
      this.wrong(key, `${show(value)} is unknown`, `It must be one of ${words.join(', ')}`);
    }
    return value as Word;
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}
