/** What can go wrong, each with its consequence and the way out. */

/** Anything that this package refuses or can't do. Its text says what happened and what to do. */
export class LagproofError extends Error {
  override name = 'LagproofError';
}

/** The database has no lagproof schema, or an older one. */
export class NotMigrated extends LagproofError {
  override name = 'NotMigrated';
  constructor(missing: string, options?: ErrorOptions) {
    super(
      `the database has no ${missing}: nothing says how services should run. ` +
        'Run `lagproof migrate` with DATABASE_URL set to this database, ' +
        'or apply migrations/038_*.sql to 041_*.sql and the seeds in generated/migrations with psql',
      options,
    );
  }
}

/** The login may not do what services do. */
export class NoRights extends LagproofError {
  override name = 'NoRights';
  constructor(what: string, options?: ErrorOptions) {
    super(`the database refused: ${what}. Grant this login the role: GRANT lagproof_service TO …`, options);
  }
}

/** No row has that name. */
export class UnknownService extends LagproofError {
  override name = 'UnknownService';
  /** The services that there are. */
  readonly known: readonly string[];
  constructor(
    readonly serviceName: string,
    known: readonly string[],
  ) {
    const names = [...known].sort();
    const nearest = nearestOf(serviceName, names);
    const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ` and ${names.length - 20} more` : '');
    super(
      `service '${serviceName}' is not in pipeline_consumer_configs` +
        (nearest ? `; did you mean '${nearest}'?` : '.') +
        (names.length > 0 ? ` Known: ${shown}.` : ' There is no service at all yet.') +
        ' A new service begins as profiles/services/NAME.toml, then `lagproof compile` and `lagproof migrate`',
    );
    this.known = names;
  }
}

/** The service's profile was removed. */
export class RetiredService extends LagproofError {
  override name = 'RetiredService';
  constructor(serviceName: string, version: number | null) {
    super(
      `service '${serviceName}' is retired (version ${version ?? 'none'}): its profile was removed. ` +
        `Stop running it, or bring profiles/services/${serviceName}.toml back, ` +
        'then `lagproof compile` and `lagproof migrate`',
    );
  }
}

/** The row can't be understood, or says what this client can't do. */
export class BadRow extends LagproofError {
  override name = 'BadRow';
  constructor(
    serviceName: string,
    /** The setting that is wrong. */
    readonly key: string,
    problem: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(`service '${serviceName}': ${key}: ${problem}.${fix ? ` ${fix}` : ''}`, options);
  }
}

/** There is nothing to subscribe to. */
export class NoTopics extends LagproofError {
  override name = 'NoTopics';
  constructor(serviceName: string) {
    super(
      `service '${serviceName}' has no topics: neither the call nor its row names one, and a consumer without topics ` +
        "would idle for ever. Name them in the call, or in the service's profile",
    );
  }
}

/** The database can't be reached, and there is no last-good file. */
export class DatabaseAway extends LagproofError {
  override name = 'DatabaseAway';
  constructor(serviceName: string, why: string, file: string, options?: ErrorOptions) {
    super(
      `the database can't be reached (${why}), and there are no last good settings of service '${serviceName}' in ` +
        `${file}: it is not known how to run. Bring the database back; after one good start the settings are kept in ` +
        'that file',
      options,
    );
  }
}

/** The environment's security variables contradict each other or lack something. */
export class SecurityMissing extends LagproofError {
  override name = 'SecurityMissing';
}

/** No broker answered in time. */
export class BrokerAway extends LagproofError {
  override name = 'BrokerAway';
}

/** Two processes have one static member id. */
export class SameInstance extends LagproofError {
  override name = 'SameInstance';
  constructor(serviceName: string, instance: string, other: string) {
    super(
      `another running replica of '${serviceName}' has the static member id '${instance}' (${other}): the broker lets ` +
        'only one of them in at a time, and they would throw each other out for ever. ' +
        'Give each replica its own (instance_id with a variable such as ${POD_NAME})',
    );
  }
}

/** A handler took so long that the group would have thrown this member out. */
export class HandlerTimeout extends LagproofError {
  override name = 'HandlerTimeout';
  constructor(limitMs: number) {
    super(`its handler had not ended after ${limitMs / 1000} s, the most that max_poll_interval allows`);
  }
}

/** A record failed for good, and there is nowhere to put it. */
export class PoisonRecord extends LagproofError {
  override name = 'PoisonRecord';
}

/** Throw it from a handler where what it calls is down: the record is kept and tried again, and counts as no failure. */
export class DownstreamUnavailable extends LagproofError {
  override name = 'DownstreamUnavailable';
}

/** It was stopped before it could begin. */
export class Stopped extends LagproofError {
  override name = 'Stopped';
}

/** An error in a few words: `TypeError: no such thing`. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${messageOf(error)}` : String(error);
}

/** An error's text; of several (Node's AggregateError has none of its own) the first's. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message) return error.message;
  return error instanceof AggregateError && error.errors.length > 0 ? messageOf(error.errors[0]) : error.name;
}

/** The name that is meant, if one is near enough: at most two letters in five are other ones. */
function nearestOf(name: string, names: readonly string[]): string | undefined {
  if (name.length === 0 || name.length > 200) return undefined;
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of names) {
    const distance = editDistance(name, candidate);
    if (distance < least && distance <= Math.max(name.length, candidate.length) * 0.4) {
      [best, least] = [candidate, distance];
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
