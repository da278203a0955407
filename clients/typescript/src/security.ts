/**
 * Where the cluster is and how to log in: from the environment, never from the table.
 *
 * KAFKA_BOOTSTRAP_SERVERS   host:port[,host:port…], where the call names none
 * KAFKA_SECURITY_PROTOCOL   PLAINTEXT (the default), SSL, SASL_PLAINTEXT or SASL_SSL
 * KAFKA_SASL_MECHANISM      PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
 * KAFKA_SASL_USERNAME       and KAFKA_SASL_PASSWORD
 * KAFKA_SSL_CA              the path of the certificate authorities' file; unset, the system's
 * KAFKA_SSL_CERTIFICATE     and KAFKA_SSL_KEY: paths of the client's own certificate and key, KAFKA_SSL_KEY_PASSWORD
 */

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { messageOf, SecurityMissing } from './errors.js';

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

type Environment = Readonly<Record<string, string | undefined>>;

/** The servers that the call names, else KAFKA_BOOTSTRAP_SERVERS. Throws SecurityMissing where there are none. */
export function bootstrap(given?: readonly string[], environment: Environment = process.env): string[] {
  const named = given && given.length > 0 ? [...given] : (environment.KAFKA_BOOTSTRAP_SERVERS ?? '').split(',');
  const servers = named.map(server => server.trim()).filter(server => server !== '');
  if (servers.length === 0) {
    throw new SecurityMissing(
      'no brokers: the call names none, and KAFKA_BOOTSTRAP_SERVERS is not set. Set it to host:port',
    );
  }
  return servers;
}

/** `ssl` and `sasl` of kafkajs. Throws SecurityMissing. */
export function forKafkajs(environment: Environment = process.env): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  const found = read(environment);
  const options: { ssl?: NonNullable<KafkaConfig['ssl']>; sasl?: SASLOptions } = {};
  if (found.protocol.endsWith('SSL')) {
    const tls = {
      ...(found.ca ? { ca: [file(found.ca)] } : {}),
      ...(found.certificate && found.key ? { cert: file(found.certificate), key: file(found.key) } : {}),
      ...(found.keyPassword ? { passphrase: found.keyPassword } : {}),
    };
    try {
      createSecureContext(tls);
    } catch (error) {
      throw unusable(error);
    }
    options.ssl = Object.keys(tls).length > 0 ? tls : true;
  }
  if (found.protocol.startsWith('SASL')) {
    options.sasl = {
      mechanism: found.mechanism.toLowerCase() as 'plain',
      username: found.username!,
      password: found.password!,
    };
  }
  return options;
}

/** Properties of librdkafka's clients. Throws SecurityMissing. */
export function forLibrdkafka(environment: Environment = process.env): Record<string, string> {
  const found = read(environment);
  const sasl = found.protocol.startsWith('SASL');
  const names: Record<string, string | undefined> = {
    'security.protocol': found.protocol.toLowerCase(),
    'ssl.ca.location': found.ca,
    'ssl.certificate.location': found.certificate,
    'ssl.key.location': found.key,
    'ssl.key.password': found.keyPassword,
    'sasl.mechanism': sasl ? found.mechanism : undefined,
    'sasl.username': sasl ? found.username : undefined,
    'sasl.password': sasl ? found.password : undefined,
  };
  return Object.fromEntries(Object.entries(names).filter((pair): pair is [string, string] => Boolean(pair[1])));
}

function file(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(error);
  }
}

function unusable(error: unknown): SecurityMissing {
  return new SecurityMissing(
    `the certificates of KAFKA_SSL_CA, KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY can't be used: ${messageOf(error)}`,
    { cause: error },
  );
}

interface Found {
  protocol: string;
  mechanism: string;
  username: string | undefined;
  password: string | undefined;
  ca: string | undefined;
  certificate: string | undefined;
  key: string | undefined;
  keyPassword: string | undefined;
}

function read(variables: Environment): Found {
  const found: Found = {
    protocol: variables.KAFKA_SECURITY_PROTOCOL?.toUpperCase() || 'PLAINTEXT',
    mechanism: variables.KAFKA_SASL_MECHANISM?.toUpperCase() || 'PLAIN',
    username: variables.KAFKA_SASL_USERNAME || undefined,
    password: variables.KAFKA_SASL_PASSWORD || undefined,
    ca: variables.KAFKA_SSL_CA || undefined,
    certificate: variables.KAFKA_SSL_CERTIFICATE || undefined,
    key: variables.KAFKA_SSL_KEY || undefined,
    keyPassword: variables.KAFKA_SSL_KEY_PASSWORD || undefined,
  };
  const { protocol } = found;
  if (!PROTOCOLS.includes(protocol)) {
    throw new SecurityMissing(`KAFKA_SECURITY_PROTOCOL is '${protocol}': it must be one of ${PROTOCOLS.join(', ')}`);
  }
  if (protocol.startsWith('SASL')) {
    if (!MECHANISMS.includes(found.mechanism)) {
      throw new SecurityMissing(
        `KAFKA_SASL_MECHANISM is '${found.mechanism}': it must be one of ${MECHANISMS.join(', ')}`,
      );
    }
    const missing = (['username', 'password'] as const).filter(name => !found[name]);
    if (missing.length > 0) {
      const names = missing.map(name => `KAFKA_SASL_${name.toUpperCase()}`).join(' and ');
      throw new SecurityMissing(`KAFKA_SECURITY_PROTOCOL is ${protocol}, and ${names} is not set`);
    }
  } else if (found.username || found.password) {
    throw new SecurityMissing(
      `KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set, but KAFKA_SECURITY_PROTOCOL is ${protocol}: nothing would be ` +
        'logged in. Set it to SASL_SSL, or unset them',
    );
  }
  if (Boolean(found.certificate) !== Boolean(found.key)) {
    throw new SecurityMissing('KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY go together: one of them is not set');
  }
  return found;
}
