/**
 * The last good settings of a service, in a file, for a start while the database is down.
 *
 * It holds what `read_config_v1` answered and no secret. One file a service, in $LAGPROOF_STATE_DIR, else in `lagproof`
 * in the user's cache folder. The other languages' packages read and write the same files.
 */

import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const FORMAT = 1;

/** What a file holds of a row. */
export interface Kept {
  version: number | null;
  generation: number;
  etag: string;
  settings: unknown;
}

/** Where the files are. */
export function folder(): string {
  const own = process.env.LAGPROOF_STATE_DIR;
  return own || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lagproof', 'last-good');
}

/** A service's file; its name can't lead out of the folder. */
export function fileOf(serviceName: string, where: string): string {
  const quoted = encodeURIComponent(serviceName.replace(/\p{Surrogate}/gu, '\uFFFD')).replace(
    /[.!'()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return join(where, `${quoted}.json`);
}

/** Writes it whole or not at all; only its owner may read it. Throws what the file system throws. */
export async function save(serviceName: string, row: Kept, where: string): Promise<void> {
  await mkdir(where, { recursive: true, mode: 0o700 });
  const temporary = join(where, `.last-good-${randomBytes(6).toString('hex')}`);
  try {
    const out = await open(temporary, 'wx', 0o600);
    try {
      await out.writeFile(JSON.stringify({ format: FORMAT, service_name: serviceName, ...row }, null, 1));
      await out.sync();
    } finally {
      await out.close();
    }
    await rename(temporary, fileOf(serviceName, where));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What `save` wrote; null where there is nothing, or nothing that can be used. */
export async function load(serviceName: string, where: string): Promise<Kept | null> {
  let row: Partial<Kept & { format: number; service_name: string }> | null;
  try {
    row = JSON.parse(await readFile(fileOf(serviceName, where), 'utf8'));
  } catch {
    return null;
  }
  if (typeof row !== 'object' || row?.format !== FORMAT || row.service_name !== serviceName) return null;
  const { version = null, generation, etag, settings } = row;
  if (typeof generation !== 'number' || typeof etag !== 'string' || settings === undefined) return null;
  return { version, generation, etag, settings };
}
