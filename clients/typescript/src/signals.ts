/** Stopping in good order when the system asks for it. */

import { log } from './log.js';

const NAMES = ['SIGTERM', 'SIGINT'] as const;

/** SIGTERM and SIGINT stop in good order; a second one does what it did before. */
export class Signals {
  private readonly heard: (name: NodeJS.Signals) => void;

  constructor(stop: () => void) {
    this.heard = name => {
      log.warn(`${name}: stops in good order`);
      stop();
      this.restore();
    };
    for (const name of NAMES) process.on(name, this.heard);
  }

  restore(): void {
    for (const name of NAMES) process.removeListener(name, this.heard);
  }
}
