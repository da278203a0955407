/** Where this package says what it does. */

/** What takes its lines: pino, winston and console fit. */
export interface Logger {
  error(text: string): void;
  warn(text: string): void;
  info(text: string): void;
  debug(text: string): void;
}

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
type Level = (typeof LEVELS)[number];

function toStandardError(level: Level): (text: string) => void {
  return text => {
    const wanted = LEVELS.indexOf((process.env.LAGPROOF_LOG ?? 'warn') as Level);
    if (LEVELS.indexOf(level) <= (wanted < 0 ? 1 : wanted)) {
      process.stderr.write(`${new Date().toISOString()} ${level.toUpperCase()} ${text}\n`);
    }
  };
}

let current: Logger = {
  error: toStandardError('error'),
  warn: toStandardError('warn'),
  info: toStandardError('info'),
  debug: toStandardError('debug'),
};

/** Sends the lines elsewhere; until then warnings and errors go to standard error ($LAGPROOF_LOG: info, debug). */
export function setLogger(logger: Logger): void {
  current = logger;
}

/** This package's lines. */
export const log: Logger = {
  error: text => current.error(text),
  warn: text => current.warn(text),
  info: text => current.info(text),
  debug: text => current.debug(text),
};

const said = new Set<string>();

/** A warning that is given once a process. */
export function warnOnce(text: string): void {
  if (!said.has(text)) {
    said.add(text);
    log.warn(text);
  }
}
